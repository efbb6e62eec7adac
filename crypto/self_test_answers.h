// Known answers for crypto/self_test.cc, in hexadecimal. Made by
// tests/vectors/make_vectors.py; do not edit.
#pragma once

#include <string_view>

namespace coffer::crypto::answers {

inline constexpr std::string_view kKey =
    "8d051c80e2989371cb0d3dcf8e971e75de3ebdf70de466d65d76d32c4cfe46cd";
inline constexpr std::string_view kText =
    "a3bd491e6302be9b9772535a7f7f31bedbd79821273584af56cbcdc3220aa358d1cff3e7"
    "fd202fc3d072612c9aaed4ec";
inline constexpr std::string_view kData =
    "6b03abcf95dc241ed2197d7fde6433b1bd16938a";
inline constexpr std::string_view kBox =
    "5e4b0cfbddddb59e27f9f0fc57348b5b6263c87784cd22bcb7d08a3ad77ae3f4ce4ed26a"
    "74b9b9a05cc653f3ad3506ebd817cf381385714fe989991185a5cf2830197e70df2521f8"
    "18c64c9b42274186c8d7f99cde5bd3f1";
inline constexpr std::string_view kHash =
    "9ccd86c6e99802d3f8ce27e46ed31b77e3d0787932517bbc30c8984de6cfa27a";
inline constexpr std::string_view kKeyedHash =
    "d737a7b2065aa64fa242b0549e1155e9b5f504234fddda005013d9fd569e32f5";
inline constexpr std::string_view kSeed =
    "60a48434957ad4a0e099e6b4ba2ca6a76cf08a4d63e90ca0c8b63569f016d4a2";
inline constexpr std::string_view kPublicKey =
    "9bc8907662394651f7ec703381cdec88e8dbdaec05a199167a04a4b64bb8c21b";
inline constexpr std::string_view kScalar =
    "f70e87d8382bd9030e929872cc95584f28e3927cd5f751288f3c45bb54ec6540";
inline constexpr std::string_view kPoint =
    "01800c58805ccbd5902cae85a69489f1115481c4b79497b0bf662a08d910183c";
inline constexpr std::string_view kShared =
    "0a260e0404205dc8d365fac5bc720832e4868874be673c0beda5b87990598c0e";
inline constexpr std::string_view kTokenNonce =
    "267f632acb0623cdc89bf2382b744d7dafbc367117a24676891d6c836d9868d7";
inline constexpr std::string_view kFooter = "7b226b6964223a2273656c66227d";
inline constexpr std::string_view kImplicit = "73656c662074657374";
inline constexpr std::string_view kLocalToken =
    "76342e6c6f63616c2e4a6e396a4b737347493833496d5f49344b33524e66612d384e6e45"
    "586f6b5a326952317367323259614e63477562772d767544346337536771544b4d6c4136"
    "3369546c78744864334c45675a646e4547775a584e4b6673734a5a5a72704d3468735072"
    "38575a2d423030495a527a2d7961743343686e314d73754f6a4a32664b6f48726f412d46"
    "6e3168684a4433414b4a71322d56412e65794a72615751694f694a7a5a57786d496e30";
inline constexpr std::string_view kPublicToken =
    "76342e7075626c69632e6f37314a486d4d4376707558636c4e6166333878767476586d43"
    "456e4e5953765673764e7779494b6f316a527a5f506e5f53417677394279595379617274"
    "54737a53694a4c4d6a2d7165312d546b3479686d7367314d315f765146615077614b6542"
    "6c436b4e516b4251365366774a34455a76497636616738392d61494569632d4f36567876"
    "79647671766b6c6c4d6d3049323342772e65794a72615751694f694a7a5a57786d496e30";
inline constexpr std::string_view kLocalId =
    "6b342e6c69642e6b4c636c544870474e74486f61534f5a766454326550694f367975316f"
    "5943505955554b66536a6b4e724248";
inline constexpr std::string_view kPublicId =
    "6b342e7069642e4d6234577a4a526a687048636a4434762d4e7763656d4f444a45387451"
    "6372795f656e4b45567630564f6345";
inline constexpr std::string_view kPublicText =
    "6b342e7075626c69632e6d386951646d4935526c48333748417a67633373694f6a623275"
    "77466f5a6b576567536b746b7534776873";
inline constexpr std::string_view kSealSeed =
    "1c7237055cfde4774ee07bb56f94b722770af6949c0ddf81bf3b3833af902a2f";
inline constexpr std::string_view kSealed =
    "26434b7627740c91aeee6fa89cf8d791cf500dc58a30f0fcf69d464ce3bf0e3f3eeec2e7"
    "9c6dfe0a3032af33c587f498b078a91527d74f0aec23186ab5e41f6fe86fd9d645f690db"
    "ee466575420945c541ca949c12836d4e5e16d9a5cd854d78";
inline constexpr std::string_view kUnsealed =
    "6bced2a19f936cfde4e7c0263318980253bdc90ef47db7510a7c7dd1999e7203";
inline constexpr std::string_view kSshBlob =
    "53534853494700000006636f666665720000000000000006736861353132000000409a0b"
    "54275f855085b4cdf6215feda66cc88cb22e92b33f42a9d5d6564255cadde855470e097f"
    "2139240a145fbf86d75f8fbca10357e0f2230cedcea1a10c0979";
inline constexpr std::string_view kSshSignature =
    "d4fe1a69e8ada0bb43960f30847ab7daad0153d98f0b75e1d4f2d781297d7fbb9549429f"
    "6b0b7d7d898106910a97abb3467a3ec2fae790a2d0ab59434b9abf0d";
inline constexpr std::string_view kSlope =
    "e0b97d1ce6f1d6bc8b3127ee9c0f45f9215a30740a500b6a0800097da68536d7";
inline constexpr std::string_view kShareSet = "a1d5a4a3ee69df7f";
inline constexpr std::string_view kShares =
    "01a1d5a4a3ee69df7f02016dbc619c046945cd403c1a2112985b8cff648d8307b46dbc55"
    "76da51ea7b701a38d6774801a1d5a4a3ee69df7f0202566ce6b835612412c66f7308ad89"
    "949c9c8add1f194470024d76c1d61bef2a78d81b75cc01a1d5a4a3ee69df7f0203b6d59b"
    "a4d390f2ae4d5e54e63186d165bdd0ed6b13147b684576c8abbd6a1cafe1959624";

}  // namespace coffer::crypto::answers
