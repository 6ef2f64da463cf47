//! Markdown tables that are readable as plain text.

/// The lines as a table. The first line is the head. The first column is aligned left, the others right.
pub(crate) fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        for (column, &width) in widths.iter().enumerate() {
            let cell = line.get(column).map_or("", String::as_str);
            text += &if column == 0 { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") };
        }
        text += "|\n";
        if index == 0 {
            for (column, &width) in widths.iter().enumerate() {
                let dashes = "-".repeat(width - 1);
                text += &if column == 0 { format!("| :{dashes} ") } else { format!("| {dashes}: ") };
            }
            text += "|\n";
        }
    }
    text
}

/// A number with three significant digits.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude < 1e-3 && magnitude > 0.0 => format!("{value:.1e}"),
        ..0.9995 => format!("{value:.3}"),
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A number of threads in words.
pub(crate) fn threads(count: usize) -> String {
    if count == 1 { "1 thread".to_owned() } else { format!("{count} threads") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let line = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect();
        let lines: Vec<Vec<String>> = vec![line(&["", "mnn"]), line(&["batch", "30.0 (2.00x)"])];
        let expected = "|       |          mnn |\n| :---- | -----------: |\n| batch | 30.0 (2.00x) |\n";
        assert_eq!(table(&lines), expected);
    }

    #[test]
    fn figures_have_three_digits() {
        for (value, text) in [
            (0.0, "0.000"),
            (9.53e-7, "9.5e-7"),
            (0.1234, "0.123"),
            (0.9999, "1.00"),
            (1.234, "1.23"),
            (12.34, "12.3"),
            (99.96, "100"),
            (1234.5, "1234"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(figure(value), text);
        }
    }
}
