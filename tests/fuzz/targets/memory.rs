//! How much memory something takes at most.
#![expect(
    unsafe_code,
    reason = "an allocator is unsafe by its nature; this one counts, and leaves the rest to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, whose bytes are counted thread by thread.
pub struct Counting;

thread_local! {
    /// What the thread holds. Below zero where it freed what another one took.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let held = HELD.get() + bytes;
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What `action` gives, and the bytes that this thread held at most meanwhile, beyond those that it held before.
pub fn peak<T>(action: impl FnOnce() -> T) -> (T, usize) {
    let (before, outer) = (HELD.get(), PEAK.get());
    PEAK.set(before);
    let result = action();
    let peak = PEAK.get();
    PEAK.set(peak.max(outer));
    (result, (peak - before).unsigned_abs())
}
