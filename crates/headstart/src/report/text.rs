//! Names and numbers as a person reads them.

/// Classes that a heading names.
const NAMED: usize = 4;

/// Characters of their names together.
const LONG: usize = 60;

/// A path or a name with what can't be seen or would turn the text round made visible, so that a file's name can
/// neither break the page nor look like another's.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let hidden = c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
            || (c as u32) & 0xfffe == 0xfffe
            || matches!(c, '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e007f}');
        if hidden { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// A share as a percentage: 0.8571 is "85.7 %".
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share * 100.0) } else { "–".to_owned() }
}

/// A percentage, or a dash where there is none.
pub(super) fn percent_or_dash(share: Option<f64>) -> String {
    percent(share.unwrap_or(f64::NAN))
}

/// A number with as many decimals as tell something.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => "–".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 || size == 0.0 => format!("{value:.2}"),
        size if size >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}

/// Seconds, or minutes and seconds from two minutes on.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 0.01 {
        return "under 0.01 s".to_owned();
    }
    if seconds < 120.0 || !seconds.is_finite() {
        return format!("{} s", number(seconds));
    }
    let whole = seconds.round() as u64;
    format!("{} min {} s", whole / 60, whole % 60)
}

/// "1 image", "2 images".
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A page's heading: the classes where they are few, else how many there are.
pub(super) fn title(classes: &[String]) -> String {
    match classes {
        [] => "Report".to_owned(),
        [one] => one.clone(),
        [first @ .., last]
            if classes.len() <= NAMED
                && classes.iter().map(|name| name.chars().count()).sum::<usize>() <= LONG =>
        {
            format!("{} and {last}", first.join(", "))
        }
        _ => format!("{} classes of images", classes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(visible("gpj.\u{202e}exe\n\0"), r"gpj.\u{202e}exe\u{a}\u{0}");
        assert_eq!(visible("Äpfel & Birnen/苹果 (1).jpg"), "Äpfel & Birnen/苹果 (1).jpg");
    }

    #[test]
    fn a_heading_names_few_classes_and_counts_many() {
        let named = |names: &[&str]| title(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(named(&["cats", "dogs"]), "cats and dogs");
        assert_eq!(named(&["cats", "dogs", "food"]), "cats, dogs and food");
        assert_eq!(named(&["c"; 120]), "120 classes of images");
        assert_eq!(named(&["cats", &"d".repeat(70)]), "2 classes of images");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 1.40625, 0.0391, 0.00004, 123.4].map(number),
            ["0.00", "1.41", "0.0391", "4.0e-5", "123"]
        );
        assert_eq!([0.8571, 1.0, f64::NAN].map(percent), ["85.7 %", "100.0 %", "–"]);
        assert_eq!([3e-4, 1.5, 130.4].map(duration), ["under 0.01 s", "1.50 s", "2 min 10 s"]);
    }
}
