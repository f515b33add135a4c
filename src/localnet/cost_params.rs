//! What each metered host operation costs, as the public network charged it in August 2026.
//!
//! The host charges `constant + linear × input / 128` instructions (and bytes of memory) per operation. Rows up
//! to [`ContractCostType::Bn254FrInv`] are the main network's settings; the later ones, which the network did not
//! publish yet at that date, are the host's own calibration for protocol 30. The table is only read at genesis:
//! from then on the settings in the ledger rule.

use stellar_xdr::{ContractCostParamEntry, ContractCostParams, ContractCostType, Error, ExtensionPoint};

/// Operation, instructions (constant, linear), memory bytes (constant, linear).
type Row = (ContractCostType, [i64; 4]);

const COSTS: &[Row] = &{
    use ContractCostType as C;
    [
        (C::WasmInsnExec, [4, 0, 0, 0]),
        (C::MemAlloc, [434, 16, 16, 128]),
        (C::MemCpy, [42, 16, 0, 0]),
        (C::MemCmp, [44, 16, 0, 0]),
        (C::DispatchHostFunction, [295, 0, 0, 0]),
        (C::VisitObject, [60, 0, 0, 0]),
        (C::ValSer, [221, 26, 242, 384]),
        (C::ValDeser, [331, 4369, 0, 384]),
        (C::ComputeSha256Hash, [3636, 7013, 0, 0]),
        (C::ComputeEd25519PubKey, [40256, 0, 0, 0]),
        (C::VerifyEd25519Sig, [377_551, 4059, 0, 0]),
        (C::VmInstantiation, [417_482, 45712, 132_773, 4903]),
        (C::VmCachedInstantiation, [41142, 634, 69472, 1217]),
        (C::InvokeVmFunction, [1945, 0, 14, 0]),
        (C::ComputeKeccak256Hash, [6481, 5943, 0, 0]),
        (C::DecodeEcdsaCurve256Sig, [711, 0, 0, 0]),
        (C::RecoverEcdsaSecp256k1Key, [2_314_804, 0, 181, 0]),
        (C::Int256AddSub, [4176, 0, 99, 0]),
        (C::Int256Mul, [4716, 0, 99, 0]),
        (C::Int256Div, [4680, 0, 99, 0]),
        (C::Int256Pow, [4256, 0, 99, 0]),
        (C::Int256Shift, [884, 0, 99, 0]),
        (C::ChaCha20DrawBytes, [1059, 502, 0, 0]),
        (C::ParseWasmInstructions, [73077, 25410, 17564, 6457]),
        (C::ParseWasmFunctions, [0, 540_752, 0, 47464]),
        (C::ParseWasmGlobals, [0, 176_363, 0, 13420]),
        (C::ParseWasmTableEntries, [0, 29989, 0, 6285]),
        (C::ParseWasmTypes, [0, 1_061_449, 0, 64670]),
        (C::ParseWasmDataSegments, [0, 237_336, 0, 29074]),
        (C::ParseWasmElemSegments, [0, 328_476, 0, 48095]),
        (C::ParseWasmImports, [0, 701_845, 0, 103_229]),
        (C::ParseWasmExports, [0, 429_383, 0, 36394]),
        (C::ParseWasmDataSegmentBytes, [0, 28, 0, 257]),
        (C::InstantiateWasmInstructions, [43030, 0, 70704, 0]),
        (C::InstantiateWasmFunctions, [0, 7556, 0, 14613]),
        (C::InstantiateWasmGlobals, [0, 10711, 0, 6833]),
        (C::InstantiateWasmTableEntries, [0, 3300, 0, 1025]),
        (C::InstantiateWasmTypes, [0, 0, 0, 0]),
        (C::InstantiateWasmDataSegments, [0, 23038, 0, 129_632]),
        (C::InstantiateWasmElemSegments, [0, 42488, 0, 13665]),
        (C::InstantiateWasmImports, [0, 828_974, 0, 97637]),
        (C::InstantiateWasmExports, [0, 297_100, 0, 9176]),
        (C::InstantiateWasmDataSegmentBytes, [0, 14, 0, 126]),
        (C::Sec1DecodePointUncompressed, [1882, 0, 0, 0]),
        (C::VerifyEcdsaSecp256r1Sig, [3_000_906, 0, 0, 0]),
        (C::Bls12381EncodeFp, [661, 0, 0, 0]),
        (C::Bls12381DecodeFp, [985, 0, 0, 0]),
        (C::Bls12381G1CheckPointOnCurve, [1934, 0, 0, 0]),
        (C::Bls12381G1CheckPointInSubgroup, [730_510, 0, 0, 0]),
        (C::Bls12381G2CheckPointOnCurve, [5921, 0, 0, 0]),
        (C::Bls12381G2CheckPointInSubgroup, [1_057_822, 0, 0, 0]),
        (C::Bls12381G1ProjectiveToAffine, [92642, 0, 0, 0]),
        (C::Bls12381G2ProjectiveToAffine, [100_742, 0, 0, 0]),
        (C::Bls12381G1Add, [7689, 0, 0, 0]),
        (C::Bls12381G1Mul, [2_458_985, 0, 0, 0]),
        (C::Bls12381G1Msm, [2_426_722, 96_397_671, 109_494, 354_667]),
        (C::Bls12381MapFpToG1, [1_541_554, 0, 5552, 0]),
        (C::Bls12381HashToG1, [3_211_191, 6713, 9424, 0]),
        (C::Bls12381G2Add, [25207, 0, 0, 0]),
        (C::Bls12381G2Mul, [7_873_219, 0, 0, 0]),
        (C::Bls12381G2Msm, [8_035_968, 309_667_335, 219_654, 354_667]),
        (C::Bls12381MapFp2ToG2, [2_420_202, 0, 3344, 0]),
        (C::Bls12381HashToG2, [7_050_564, 6797, 6816, 0]),
        (C::Bls12381Pairing, [10_558_948, 632_860_943, 2204, 9_340_474]),
        (C::Bls12381FrFromU256, [1994, 0, 0, 0]),
        (C::Bls12381FrToU256, [1155, 0, 248, 0]),
        (C::Bls12381FrAddSub, [74, 0, 0, 0]),
        (C::Bls12381FrMul, [332, 0, 0, 0]),
        (C::Bls12381FrPow, [691, 74558, 0, 128]),
        (C::Bls12381FrInv, [35421, 0, 0, 0]),
        (C::Bn254EncodeFp, [344, 0, 0, 0]),
        (C::Bn254DecodeFp, [476, 0, 0, 0]),
        (C::Bn254G1CheckPointOnCurve, [904, 0, 0, 0]),
        (C::Bn254G2CheckPointOnCurve, [2811, 0, 0, 0]),
        (C::Bn254G2CheckPointInSubgroup, [2_937_755, 0, 0, 0]),
        (C::Bn254G1ProjectiveToAffine, [61, 0, 0, 0]),
        (C::Bn254G1Add, [3623, 0, 0, 0]),
        (C::Bn254G1Mul, [1_150_435, 0, 0, 0]),
        (C::Bn254Pairing, [5_263_916, 392_472_814, 1821, 6_232_546]),
        (C::Bn254FrFromU256, [2052, 0, 0, 0]),
        (C::Bn254FrToU256, [1133, 0, 312, 0]),
        (C::Bn254FrAddSub, [74, 0, 0, 0]),
        (C::Bn254FrMul, [332, 0, 0, 0]),
        (C::Bn254FrPow, [755, 68930, 0, 0]),
        (C::Bn254FrInv, [33151, 0, 0, 0]),
        (C::Bn254G1Msm, [1_185_193, 41_568_084, 73061, 229_779]),
        (C::MlDsa44DecodeVerifyingKey, [849_110, 0, 24656, 0]),
        (C::MlDsa65DecodeVerifyingKey, [1_505_271, 0, 43088, 0]),
        (C::MlDsa87DecodeVerifyingKey, [2_625_760, 0, 73808, 0]),
        (C::MlDsa44DecodeSignature, [37888, 0, 4104, 0]),
        (C::MlDsa65DecodeSignature, [47691, 0, 5128, 0]),
        (C::MlDsa87DecodeSignature, [66346, 0, 7176, 0]),
        (C::VerifyMlDsa44Sig, [685_165, 6103, 0, 0]),
        (C::VerifyMlDsa65Sig, [983_619, 6103, 0, 0]),
        (C::VerifyMlDsa87Sig, [1_437_210, 6102, 0, 0]),
    ]
};

/// Instruction costs in the order the ledger stores them.
pub(crate) fn instruction_costs() -> Result<ContractCostParams, Error> {
    params(|row| (row[0], row[1]))
}

/// Memory costs in the order the ledger stores them.
pub(crate) fn memory_costs() -> Result<ContractCostParams, Error> {
    params(|row| (row[2], row[3]))
}

fn params(pick: impl Fn(&[i64; 4]) -> (i64, i64)) -> Result<ContractCostParams, Error> {
    let entries: Vec<_> = COSTS
        .iter()
        .map(|(_, row)| {
            let (const_term, linear_term) = pick(row);
            ContractCostParamEntry { ext: ExtensionPoint::V0, const_term, linear_term }
        })
        .collect();
    Ok(ContractCostParams(entries.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cost_type_has_its_row_in_the_ledgers_order() {
        let listed: Vec<_> = COSTS.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(listed, ContractCostType::variants());
    }
}
