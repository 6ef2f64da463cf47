//! A configuration beside weights of any bytes.
#![no_main]

use headstart_provenance::{Config, ErrorKind, Preprocessing};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| match Config::read(bytes) {
    Ok(Some(config)) => {
        // What it states can be done, and is stored and read back as it is.
        config.preprocessing.validate().expect("a preprocessing that can be done");
        let stored = serde_json::to_string(&config.preprocessing).expect("JSON");
        let read: Preprocessing = serde_json::from_str(&stored).expect("what was stored");
        assert_eq!(read, config.preprocessing);
    }
    Ok(None) => {}
    Err(error) => {
        assert_eq!(error.kind(), ErrorKind::BadData);
        assert!(error.to_string().len() < 1000);
    }
});
