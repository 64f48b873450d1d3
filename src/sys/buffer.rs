//! Page-aligned memory for direct I/O.
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ptr::NonNull;

/// Alignment of every buffer, in bytes: no device in use asks for more than a page.
pub const ALIGNMENT: usize = 4096;

/// Aligned, zeroed memory of a fixed length. It may hold data of a drive, so `Debug` shows only its length.
pub struct Buffer {
    memory: NonNull<u8>,
    layout: Layout,
    /// Position among the buffers registered with a ring, given by [`super::ring::Ring`].
    pub(super) registered: Option<u16>,
    stamp: u64,
}

// SAFETY: a Buffer owns its memory alone, as a Box<[u8]> does; nothing in it belongs to a thread.
unsafe impl Send for Buffer {}

impl Buffer {
    /// `length` bytes of zeroes, rounded up to the alignment.
    ///
    /// # Panics
    /// When `length` is zero or does not fit the address space; both are mistakes of the caller.
    pub fn new(length: usize) -> Self {
        assert!(length > 0, "a buffer holds at least one byte");
        let layout = Layout::from_size_align(length.next_multiple_of(ALIGNMENT), ALIGNMENT)
            .expect("buffer length fits the address space");
        // SAFETY: the layout has a size above zero, asserted above.
        let memory = unsafe { alloc_zeroed(layout) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        Self { memory, layout, registered: None, stamp: 0 }
    }

    /// Length in bytes, a multiple of [`ALIGNMENT`].
    pub const fn len(&self) -> usize {
        self.layout.size()
    }

    /// Never: a buffer holds at least one page.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The bytes.
    pub const fn as_slice(&self) -> &[u8] {
        // SAFETY: memory points to len() initialized bytes that this value owns and lends with its lifetime.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), self.layout.size()) }
    }

    /// The bytes, to be changed. Takes the stamp away.
    pub const fn as_mut_slice(&mut self) -> &mut [u8] {
        self.stamp = 0;
        // SAFETY: as in as_slice, and &mut self makes the loan exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_ptr(), self.layout.size()) }
    }

    /// The owner's mark of what the buffer holds, 0 for unknown. Lending the bytes mutably or reading into
    /// the buffer resets it, so a mark cannot outlive the bytes that it speaks of.
    pub const fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Marks what the buffer holds.
    pub const fn set_stamp(&mut self, stamp: u64) {
        self.stamp = stamp;
    }

    pub(super) const fn pointer(&self) -> *mut u8 {
        self.memory.as_ptr()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: memory came from alloc_zeroed with this very layout and is freed once.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_zeroed_and_do_not_show_their_content() {
        let mut buffer = Buffer::new(5000);
        assert_eq!(buffer.len(), 8192);
        assert_eq!(buffer.pointer() as usize % ALIGNMENT, 0);
        assert!(buffer.as_slice().iter().all(|byte| *byte == 0));
        buffer.set_stamp(7);
        assert_eq!(buffer.stamp(), 7);
        buffer.as_mut_slice().fill(0xAB);
        assert_eq!(buffer.stamp(), 0, "changed bytes have no mark");
        assert_eq!(format!("{buffer:?}"), "Buffer(8192 bytes)");
    }
}
