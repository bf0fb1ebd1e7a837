//! Temporary stand-in.
pub mod files {
    //! Stand-in.
    /// Write.
    pub fn write(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> { std::fs::write(path, bytes) }
}
