//! Other programs read the same bytes as our decoders, or write the same as our encoders. They were written by
//! others, from the standards: where they and we agree, two people have read the same.

#[path = "readers/scsi.rs"]
mod scsi;
