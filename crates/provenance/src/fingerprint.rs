//! One hash for all that a row's values depend on.

use serde_json::Value;

use crate::{Pooling, Preprocessing};

/// The version of the code that computes features. It is raised whenever a change of a decoder, of resizing or of a kernel
/// makes images and weights give other values. It is a part of every fingerprint, so features of different versions are
/// never mixed by accident.
///
/// It is not raised where a few unusual pictures that were decoded wrongly are now decoded rightly: models and features of
/// all others stay good. The changelog says which pictures these are, and that `--fresh` computes their rows again.
pub const CODE_VERSION: u32 = 4;

/// The hash of what a row depends on, as 64 hexadecimal digits: the weights, the network, the preprocessing, the pooling
/// and [`CODE_VERSION`].
///
/// The encoding is fixed: blake3 over `headstart.features`, then the code version, the weights' hash, the backbone and the
/// preprocessing as compact JSON with sorted keys and singles written as doubles, then the name of the pooling if there is
/// one, each of these preceded by its length in bytes as a little-endian u64, the code version written in decimal.
pub(crate) fn fingerprint(
    weights_hash: &str,
    backbone: &str,
    preprocessing: &Preprocessing,
    pooling: Pooling,
) -> String {
    // A struct of names, numbers and strings always has a JSON form.
    let json = serde_json::to_value(preprocessing).unwrap_or_default();
    of_parts(weights_hash, backbone, &json, pooling)
}

fn of_parts(weights_hash: &str, backbone: &str, preprocessing: &Value, pooling: Pooling) -> String {
    let mut json = String::new();
    write_sorted(preprocessing, &mut json);
    let version = CODE_VERSION.to_string();
    let mut hasher = blake3::Hasher::new();
    let pooling = (!pooling.is_none()).then_some(pooling.name());
    for part in ["headstart.features", &version, weights_hash, backbone, &json].into_iter().chain(pooling) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Compact JSON with sorted keys. It is written here because the order of serde_json depends on a feature that any crate
/// of the build can switch on.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_sorted(value, out);
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_sorted(value, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_part_changes_the_fingerprint() {
        let size = json!({"size": [150, 150]});
        let base = of_parts("aa", "vgg16", &size, Pooling::None);
        assert_eq!(base.len(), 64);
        assert_ne!(base, of_parts("ab", "vgg16", &size, Pooling::None));
        assert_ne!(base, of_parts("aa", "vgg19", &size, Pooling::None));
        assert_ne!(base, of_parts("aa", "vgg16", &json!({"size": [150, 151]}), Pooling::None));
        let pooled = [Pooling::Average, Pooling::Max].map(|pooling| of_parts("aa", "vgg16", &size, pooling));
        assert_ne!(base, pooled[0]);
        assert_ne!(base, pooled[1]);
        assert_ne!(pooled[0], pooled[1]);
    }

    #[test]
    fn text_moved_from_one_part_to_the_next_changes_the_fingerprint() {
        let of = |weights, backbone| of_parts(weights, backbone, &Value::Null, Pooling::None);
        assert_ne!(of("ab", "c"), of("a", "bc"));
    }

    #[test]
    fn nested_keys_are_sorted_and_array_order_is_kept() {
        let mut text = String::new();
        write_sorted(&json!({"b": [2, 1, {"z": null, "a": "q\"uote"}], "a": 0.1}), &mut text);
        assert_eq!(text, r#"{"a":0.1,"b":[2,1,{"a":"q\"uote","z":null}]}"#);
    }

    #[test]
    fn the_encoding_is_the_documented_one() {
        let parts = ["headstart.features", "4", "aa", "vgg16", "{\"x\":1}", "avg"];
        for (pooling, parts) in [(Pooling::None, &parts[..5]), (Pooling::Average, &parts[..])] {
            let mut bytes = Vec::new();
            for part in parts {
                bytes.extend((part.len() as u64).to_le_bytes());
                bytes.extend(part.as_bytes());
            }
            let expected = blake3::hash(&bytes).to_hex().to_string();
            assert_eq!(of_parts("aa", "vgg16", &json!({"x": 1}), pooling), expected);
        }
    }
}
