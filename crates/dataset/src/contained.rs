//! Panics of decoders, which become errors: one hostile file must not end a run over thousands.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::DecodeError;

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic on this thread becomes an error of this crate, [`DecodeError::Panicked`].
///
/// The process's panic hook is called for such a panic, too, and a library may not change the hook. A program that does
/// not want to show these panics can ask here from a hook of its own, and leave them out.
#[must_use]
pub fn panic_is_contained() -> bool {
    CONTAINED.get()
}

/// Runs a decoder, and turns a panic into an error.
pub(crate) fn contained<T>(decode: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    let before = CONTAINED.replace(true);
    // A decoder changes only its own values, so a panic leaves nothing half-changed behind.
    let result = catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|panic| Err(DecodeError::Panicked { message: message_of(panic.as_ref()) }));
    CONTAINED.set(before);
    result
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panicking_decoder_becomes_an_error_in_our_words() {
        let index = 7;
        let error = contained(|| Ok([1u8; 3][std::hint::black_box(index)])).unwrap_err();
        assert!(
            matches!(&error, DecodeError::Panicked { message } if message.contains("index is 7")),
            "{error:?}"
        );
        assert!(!error.to_string().contains("index"), "{error}");
        let error = contained::<u8>(|| std::panic::panic_any(7)).unwrap_err();
        assert!(matches!(&error, DecodeError::Panicked { message } if message.contains("without a message")));
    }

    #[test]
    fn a_hook_can_tell_whether_a_panic_is_contained() {
        assert!(!panic_is_contained());
        assert!(contained(|| Ok(panic_is_contained())).unwrap());
        contained::<()>(|| panic!("a panic of a test")).unwrap_err();
        assert!(!panic_is_contained());
    }
}
