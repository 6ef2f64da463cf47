//! What `cargo xtask` takes, as types.

xflags::xflags! {
    /// The workspace's own commands.
    cmd xtask {
        /// Formatting, clippy, tidy, all tests, documentation; stops at the first failure.
        cmd test {}

        /// The rules that no compiler checks: who may depend on whom, where unsafe and printing may stand.
        cmd tidy {}
    }
}
