//! Names of classes that are nearly the same.

use unicode_normalization::UnicodeNormalization;

/// The name without case, outer white space and differences of Unicode normalization.
pub(crate) fn core_of(class: &str) -> String {
    class.trim().nfc().collect::<String>().to_lowercase()
}

/// Which of `candidates` is probably meant by a name that is none of them, as a question or a hint that ends a sentence.
/// `None` if none of them is similar.
///
/// ```
/// use headstart_dataset::did_you_mean;
///
/// assert_eq!(did_you_mean("dgos", ["cats", "dogs"]).as_deref(), Some("did you mean \"dogs\"?"));
/// assert_eq!(did_you_mean("birds", ["cats", "dogs"]), None);
/// ```
#[must_use]
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let candidates: Vec<&str> = candidates.into_iter().filter(|candidate| *candidate != name).collect();
    let is_same_text = |candidate: &&str| candidate.nfc().eq(name.nfc());
    if let Some(same) = candidates.iter().copied().find(is_same_text) {
        let form = |name: &str| if name.nfc().eq(name.chars()) { "NFC" } else { "NFD" };
        return Some(format!(
            "it looks the same as {same:?} there, but this one is in Unicode form {}, that one in {}: rename one",
            form(name),
            form(same)
        ));
    }
    let core = core_of(name);
    let distance = |candidate: &str| strsim::osa_distance(&core, &core_of(candidate));
    let nearest = candidates.into_iter().min_by_key(|candidate| distance(candidate))?;
    // One edit in three or four letters, two in more: enough for swapped letters and a plural.
    let allowed = match core.chars().count() {
        0..=2 => 0,
        3 | 4 => 1,
        _ => 2,
    };
    (distance(nearest) <= allowed).then(|| format!("did you mean {nearest:?}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_if_it_is_near() {
        let suggestion = |name| did_you_mean(name, ["cats", "dogs", "horses", "x"]);
        for (name, meant) in
            [("dgos", "dogs"), ("Cats ", "cats"), ("cat", "cats"), ("hroses", "horses"), ("X", "x")]
        {
            assert_eq!(suggestion(name), Some(format!("did you mean {meant:?}?")), "{name}");
        }
        for name in ["birds", "y", "", "cows"] {
            assert_eq!(suggestion(name), None, "{name}");
        }
        assert_eq!(did_you_mean("cats", []), None);
    }

    #[test]
    fn another_unicode_form_is_told_apart_from_a_slip() {
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
        let told = did_you_mean(composed, [decomposed]).unwrap();
        assert!(told.contains("this one is in Unicode form NFC, that one in NFD"), "{told}");
        let told = did_you_mean(decomposed, [composed]).unwrap();
        assert!(told.contains("this one is in Unicode form NFD, that one in NFC"), "{told}");
        assert_eq!(core_of(composed), core_of(decomposed));
    }
}
