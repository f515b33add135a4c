#!/usr/bin/env python3
"""Drives a local network with the official Python SDK, unmodified: `run.py RPC_URL ESCROW_CONTRACT`.

One line per story; the first thing that is not as on a public network ends the run with its traceback.
"""

import sys
import time

import assets
import escrow
import refusals
from chain import Chain


def main(url: str, contract: str) -> None:
    chain = Chain(url)
    chain.escrow = contract
    told = []

    def tell(story, *args):
        began = time.monotonic()
        answer = story(chain, *args)
        told.append(story)
        print(f"ok  {story.__module__}.{story.__name__}  {time.monotonic() - began:.2f} s", flush=True)
        return answer

    tell(escrow.money)
    tell(escrow.sponsored)
    own = tell(escrow.deployed)
    tell(escrow.calls, own)
    tell(escrow.high_level, own)
    for story in (
        refusals.signatures,
        refusals.sequences,
        refusals.fees,
        refusals.times,
        refusals.contracts,
        refusals.malformed,
    ):
        tell(story)
    for story in (assets.trustlines, assets.contract, assets.frozen):
        tell(story)
    tell(escrow.lifetimes, own)
    print(f"{len(told)} stories told by the Python SDK")


if __name__ == "__main__":
    main(*sys.argv[1:])
