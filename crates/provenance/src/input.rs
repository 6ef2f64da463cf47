//! The input that a network's weights were trained for, as its table states it.

use crate::{Fit, Interpolation, Preprocessing, Preset};

/// What a network's weights were trained on, or measured with: a preset, a size, and how images are brought to it.
///
/// ```
/// use headstart_provenance::{Input, Interpolation, Preset};
///
/// const LITE2: Input = Input::new(Preset::Inception, 260).crop(0.89).interpolation(Interpolation::Bicubic);
/// assert_eq!(LITE2.preprocessing().to_string(), "inception 260x260 crop 0.89");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Input {
    /// The constants.
    pub preset: Preset,
    /// Height and width in pixels.
    pub side: usize,
    /// How an image of another shape is brought to the size.
    pub fit: Fit,
    /// How it is resized; none means as the preset says.
    pub interpolation: Option<Interpolation>,
}

impl Input {
    /// A square input that images are stretched to, by the preset's interpolation.
    #[must_use]
    pub const fn new(preset: Preset, side: usize) -> Self {
        Self { preset, side, fit: Fit::Stretch, interpolation: None }
    }

    /// Takes the centre of images instead of stretching them: timm's `crop_pct`.
    #[must_use]
    pub const fn crop(mut self, fraction: f64) -> Self {
        self.fit = Fit::Crop { fraction };
        self
    }

    /// Resizes by another interpolation than the preset's.
    #[must_use]
    pub const fn interpolation(mut self, interpolation: Interpolation) -> Self {
        self.interpolation = Some(interpolation);
        self
    }

    /// The same input with the constants of another preset.
    #[must_use]
    pub const fn preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// The preprocessing that it stands for.
    #[must_use]
    pub fn preprocessing(&self) -> Preprocessing {
        let preset = Preprocessing::preset(self.preset, self.side, self.side);
        let interpolation = self.interpolation.unwrap_or(preset.interpolation);
        Preprocessing { interpolation, fit: self.fit, ..preset }
    }
}
