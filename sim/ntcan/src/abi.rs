//! The C interface. Every call checks its handle and pointers, and no panic leaves it.
//!
//! Source of names, argument order and layouts: see [`crate::codes`].
//!
//! # Safety
//! The caller keeps C's promises: a pointer is null (refused with `NTCAN_INVALID_PARAMETER`) or good for what
//! the call says it reads or writes there, and nobody else touches that memory during the call. Alignment
//! does not matter: the interface packs its structures.

#![allow(non_snake_case, reason = "names of the interface")]
#![allow(clippy::missing_safety_doc, reason = "the same for all, said above")]

use crate::codes::{self, BitRate, EXTENDED, MAX_QUEUE, SUCCESS, ioctl, len_flag};
use crate::handle::{self, Handle, Opening};
use crate::net::Received;
use crate::slcan::Frame;
use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;

/// A message: identifier, length with flags, lost frames before it, data.
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub struct CMSG {
    id: i32,
    len: u8,
    msg_lost: u8,
    reserved: [u8; 2],
    data: [u8; 8],
}

/// A message with its time stamp, µs since the net was opened.
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub struct CMSG_T {
    message: CMSG,
    timestamp: u64,
}

/// Versions and abilities, as `canStatus` gives them.
#[repr(C, packed)]
pub struct CAN_IF_STATUS {
    hardware: u16,
    firmware: u16,
    driver: u16,
    dll: u16,
    boardstatus: u32,
    boardid: [u8; 14],
    features: u16,
}

/// Counters of a net.
#[repr(C, packed)]
struct BusStatistic {
    timestamp: u64,
    received: [u32; 4],
    sent: [u32; 4],
    controller_overruns: u32,
    fifo_overflows: u32,
    error_frames: u32,
    received_bytes: u32,
    sent_bytes: u32,
    aborted_frames: u32,
    reserved: [u32; 2],
    /// Bits on the bus; not known here, 0.
    bits: u64,
}

/// State of the controller.
#[repr(C, packed)]
struct ControllerState {
    receive_errors: u8,
    send_errors: u8,
    status: u8,
    kind: u8,
}

/// What the bit rate came to. There is no controller behind it, so clock and time quanta are 0.
#[repr(C, packed)]
struct BitRateDetails {
    word: u32,
    valid: u32,
    bit_per_s: u32,
    clock_hz: u32,
    controller: u8,
    quanta: [u8; 3],
    error: u32,
    flags: u32,
    reserved: [u32; 3],
}

// The layouts of the interface, in bytes.
const _: () =
    assert!(size_of::<CMSG>() == 16 && size_of::<CMSG_T>() == 24 && size_of::<CAN_IF_STATUS>() == 28);
const _: () = assert!(size_of::<BusStatistic>() == 80 && size_of::<ControllerState>() == 4);
const _: () = assert!(size_of::<BitRateDetails>() == 40);

/// Version 4.0.0, one hexadecimal digit each of level and release, two of change.
const VERSION: u16 = 0x4000;
/// An error-passive controller, as one is that sends on a bus where nobody answers.
const ERROR_PASSIVE: (u8, u8) = (0x80, 128);

/// Runs a call and gives its code; a panic, which would be a bug of this library, ends as a code too.
fn answer(call: impl FnOnce() -> Result<(), i32>) -> i32 {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => SUCCESS,
        Ok(Err(code)) => code,
        Err(_) => codes::WRONG_DEVICE_STATE,
    }
}

/// Writes a value to where a program wants it.
///
/// # Safety
/// See the module.
unsafe fn put<T>(place: *mut T, value: T) -> Result<(), i32> {
    if place.is_null() {
        return Err(codes::INVALID_PARAMETER);
    }
    // SAFETY: not null, and then good for writing by the caller's promise; packed structures need no
    // alignment.
    unsafe { place.write_unaligned(value) };
    Ok(())
}

/// Reads a value that a program gives by a pointer.
///
/// # Safety
/// See the module.
unsafe fn get<T: Copy>(place: *const T) -> Result<T, i32> {
    if place.is_null() {
        return Err(codes::INVALID_PARAMETER);
    }
    // SAFETY: not null, and then good for reading by the caller's promise; packed structures need no
    // alignment.
    Ok(unsafe { place.read_unaligned() })
}

/// Reads up to `*len` frames into an array of messages, which are `M`; `*len` is then how many came, 0 with
/// every error.
///
/// # Safety
/// See the module.
unsafe fn receive<M>(
    handle: i32,
    messages: *mut M,
    len: *mut i32,
    block: bool,
    pack: fn(&Received) -> M,
) -> Result<(), i32> {
    // SAFETY: the caller's promise for `len`.
    let max = unsafe { get(len)? };
    // Apollo 1.0 looks at the count and not at the code when a read has timed out.
    // SAFETY: the caller's promise for `len`.
    unsafe { put(len, 0)? };
    let max = usize::try_from(max).ok().filter(|max| *max > 0).ok_or(codes::INVALID_PARAMETER)?;
    if messages.is_null() {
        return Err(codes::INVALID_PARAMETER);
    }
    let received = handle::find(handle)?.port.read(max, block)?;
    for (i, message) in received.iter().enumerate() {
        // SAFETY: `i` is below `max`, and the caller's array has `max` elements.
        unsafe { put(messages.add(i), pack(message))? };
    }
    // SAFETY: the caller's promise for `len`.
    unsafe { put(len, received.len() as i32) }
}

/// Sends `*len` frames from an array of messages that begin with a [`CMSG`]; `*len` is then how many were
/// taken.
///
/// # Safety
/// See the module.
unsafe fn transmit<M>(handle: i32, messages: *const M, len: *mut i32, block: bool) -> Result<(), i32> {
    // SAFETY: the caller's promise for `len`.
    let count = unsafe { get(len)? };
    // SAFETY: the caller's promise for `len`.
    unsafe { put(len, 0)? };
    if messages.is_null() || !(1..=MAX_QUEUE).contains(&count) {
        return Err(codes::INVALID_PARAMETER);
    }
    let Handle { net, port, .. } = handle::find(handle)?;
    // All are checked before the first goes out.
    let frames: Vec<Frame> = (0..count as usize)
        // SAFETY: the caller's array has `count` elements, each of which begins with a `CMSG`.
        .map(|i| unsafe { frame(messages.add(i).cast()) })
        .collect::<Result<_, i32>>()?;
    let (taken, result) = if block { net.write(&port, &frames) } else { net.send(&port, &frames) };
    // SAFETY: the caller's promise for `len`.
    unsafe { put(len, taken as i32)? };
    result
}

/// The frame of a message to send. Only the bytes that count are read: programs leave the others as they
/// were.
///
/// # Safety
/// `message` is good for reading a [`CMSG`].
unsafe fn frame(message: *const CMSG) -> Result<Frame, i32> {
    // SAFETY: fields of a message that is good for reading.
    let (id, len) = unsafe {
        ((&raw const (*message).id).read_unaligned(), (&raw const (*message).len).read_unaligned())
    };
    let id = u32::try_from(id).map_err(|_| codes::INVALID_PARAMETER)?;
    let known = if id & EXTENDED == 0 { id <= 0x7ff } else { id & !EXTENDED <= 0x1fff_ffff };
    if !known || len & len_flag::FD != 0 {
        return Err(codes::INVALID_PARAMETER);
    }
    // On a classic bus the codes 9 to 15 stand for 8 bytes too.
    let (remote, len) = (len & len_flag::REMOTE != 0, (len & 0xf).min(8));
    let mut data = [0; 8];
    if !remote {
        // SAFETY: `len` is at most 8, the length of both arrays, which do not overlap.
        unsafe {
            let from = (&raw const (*message).data).cast::<u8>();
            from.copy_to_nonoverlapping(data.as_mut_ptr(), usize::from(len));
        }
    }
    Ok(Frame { id, remote, len, data })
}

fn pack(received: &Received) -> CMSG {
    let Received { frame, lost, interaction, .. } = received;
    let remote = if frame.remote { len_flag::REMOTE } else { 0 };
    let interaction = if *interaction { len_flag::INTERACTION } else { 0 };
    let len = frame.len | remote | interaction;
    CMSG { id: frame.id as i32, len, msg_lost: *lost, reserved: [0; 2], data: frame.data }
}

fn pack_timed(received: &Received) -> CMSG_T {
    CMSG_T { message: pack(received), timestamp: received.timestamp_us }
}

/// Opens a net; queues in frames, time-outs in ms (0 waits for ever). The handle receives nothing until
/// identifiers are enabled, and the net is on the bus once a bit rate is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canOpen(
    net: i32,
    flags: u32,
    tx_queue: i32,
    rx_queue: i32,
    tx_timeout_ms: i32,
    rx_timeout_ms: i32,
    handle: *mut i32,
) -> i32 {
    answer(|| {
        if handle.is_null() {
            return Err(codes::INVALID_PARAMETER);
        }
        let opened = handle::open(Opening { net, flags, tx_queue, rx_queue, tx_timeout_ms, rx_timeout_ms })?;
        // SAFETY: see the module.
        unsafe { put(handle, opened) }
    })
}

/// Closes a handle. Calls that wait on it in other threads return `NTCAN_HANDLE_FORCED_CLOSE`.
#[unsafe(no_mangle)]
pub extern "C" fn canClose(handle: i32) -> i32 {
    answer(|| handle::close(handle))
}

/// Enables one identifier; 29-bit ones carry 0x20000000.
#[unsafe(no_mangle)]
pub extern "C" fn canIdAdd(handle: i32, id: i32) -> i32 {
    answer(|| handle::find(handle)?.port.filter(|filter| filter.add(id)))
}

/// Disables one identifier.
#[unsafe(no_mangle)]
pub extern "C" fn canIdDelete(handle: i32, id: i32) -> i32 {
    answer(|| handle::find(handle)?.port.filter(|filter| filter.delete(id)))
}

/// Enables `*count` identifiers from `first` on; `*count` is then how many of them are enabled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canIdRegionAdd(handle: i32, first: i32, count: *mut i32) -> i32 {
    answer(|| {
        // SAFETY: see the module.
        let wanted = unsafe { get(count)? };
        let enabled = handle::find(handle)?.port.filter(|filter| filter.add_region(first, wanted))?;
        // SAFETY: see the module.
        unsafe { put(count, enabled) }
    })
}

/// Disables `*count` identifiers from `first` on; `*count` is then how many of them are disabled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canIdRegionDelete(handle: i32, first: i32, count: *mut i32) -> i32 {
    answer(|| {
        // SAFETY: see the module.
        let wanted = unsafe { get(count)? };
        let disabled = handle::find(handle)?.port.filter(|filter| filter.delete_region(first, wanted))?;
        // SAFETY: see the module.
        unsafe { put(count, disabled) }
    })
}

/// Sets the bit rate of the net: a number of the card's table (2 is 500 kbit/s) or 0x20000000 and bit/s;
/// 0x40000000 added listens only; 0x7fffffff leaves the bus.
#[unsafe(no_mangle)]
pub extern "C" fn canSetBaudrate(handle: i32, baud: u32) -> i32 {
    answer(|| {
        let net = handle::find(handle)?.net;
        net.set_bit_rate(BitRate::from_word(baud)?);
        Ok(())
    })
}

/// Gives the bit rate of the net as it was set, 0x7fffffff if it was not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canGetBaudrate(handle: i32, baud: *mut u32) -> i32 {
    answer(|| {
        let word = handle::find(handle)?.net.bit_rate().map_or(codes::NO_BIT_RATE, |rate| rate.word);
        // SAFETY: see the module.
        unsafe { put(baud, word) }
    })
}

/// Reads up to `*len` frames, waiting for the first one at most the receive time-out; `*len` is then how many
/// came, and 0 with `NTCAN_RX_TIMEOUT` and every other error. `overlapped` is for other systems and not
/// looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canRead(
    handle: i32,
    messages: *mut CMSG,
    len: *mut i32,
    overlapped: *mut c_void,
) -> i32 {
    let _ = overlapped;
    // SAFETY: see the module.
    answer(|| unsafe { receive(handle, messages, len, true, pack) })
}

/// Reads like [`canRead`], with time stamps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canReadT(
    handle: i32,
    messages: *mut CMSG_T,
    len: *mut i32,
    overlapped: *mut c_void,
) -> i32 {
    let _ = overlapped;
    // SAFETY: see the module.
    answer(|| unsafe { receive(handle, messages, len, true, pack_timed) })
}

/// Reads what is there without waiting; no frame is no error, `*len` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canTake(handle: i32, messages: *mut CMSG, len: *mut i32) -> i32 {
    // SAFETY: see the module.
    answer(|| unsafe { receive(handle, messages, len, false, pack) })
}

/// Reads like [`canTake`], with time stamps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canTakeT(handle: i32, messages: *mut CMSG_T, len: *mut i32) -> i32 {
    // SAFETY: see the module.
    answer(|| unsafe { receive(handle, messages, len, false, pack_timed) })
}

/// Sends `*len` frames and waits until the line has taken the last one, at most the send time-out; `*len` is
/// then how many went out. Without Skidpad the answer is `NTCAN_TX_TIMEOUT`, as that of a card whose bus
/// nobody else is on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canWrite(
    handle: i32,
    messages: *const CMSG,
    len: *mut i32,
    overlapped: *mut c_void,
) -> i32 {
    let _ = overlapped;
    // SAFETY: see the module.
    answer(|| unsafe { transmit(handle, messages, len, true) })
}

/// Puts `*len` frames into the send queue without waiting; `*len` is then how many had room, and the rest is
/// `NTCAN_CONTR_BUSY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canSend(handle: i32, messages: *const CMSG, len: *mut i32) -> i32 {
    // SAFETY: see the module.
    answer(|| unsafe { transmit(handle, messages, len, false) })
}

/// Gives versions and abilities: of a card that does not exist, so that programs which ask first go on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canStatus(handle: i32, status: *mut CAN_IF_STATUS) -> i32 {
    answer(|| {
        handle::find(handle)?;
        let status_now = CAN_IF_STATUS {
            hardware: VERSION,
            firmware: VERSION,
            driver: VERSION,
            dll: VERSION,
            boardstatus: 0,
            boardid: *b"SKIDPAD\0\0\0\0\0\0\0",
            features: codes::FEATURES,
        };
        // SAFETY: see the module.
        unsafe { put(status, status_now) }
    })
}

/// Gives the text of a code, cut to `size` with the closing zero; `kind` 0 is the sentence, 1 the name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canFormatError(error: i32, kind: u32, text: *mut c_char, size: u32) -> i32 {
    answer(|| {
        let (name, sentence) = codes::describe(error).ok_or(codes::INVALID_PARAMETER)?;
        let wanted = match kind {
            0 => sentence,
            1 => name,
            _ => return Err(codes::INVALID_PARAMETER),
        };
        if text.is_null() || size == 0 {
            return Err(codes::INVALID_PARAMETER);
        }
        let kept = wanted.len().min(size as usize - 1);
        // SAFETY: `kept` bytes and the zero are at most `size`, for which `text` is good by the caller's
        // promise.
        unsafe {
            text.cast::<u8>().copy_from_nonoverlapping(wanted.as_ptr(), kept);
            text.add(kept).write(0);
        }
        Ok(())
    })
}

/// Asks or sets something rare; `argument` points to what the command reads or writes, see
/// [`crate::codes::ioctl`]. Other commands are answered `NTCAN_NOT_IMPLEMENTED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canIoctl(handle: i32, command: u32, argument: *mut c_void) -> i32 {
    answer(|| {
        let Handle { net, port, .. } = handle::find(handle)?;
        let number = argument.cast::<u32>();
        let time_out = || {
            // SAFETY: see the module.
            let ms = unsafe { get(number)? };
            handle::timeout(i32::try_from(ms).unwrap_or(i32::MAX))
        };
        // SAFETY: see the module; each command says what its argument points to.
        unsafe {
            match command {
                ioctl::FLUSH_RX_FIFO => port.flush(),
                ioctl::ABORT_RX => port.abort_reads(),
                ioctl::ABORT_TX => net.abort_writes(&port),
                ioctl::GET_RX_MSG_COUNT => put(number, port.waiting() as u32)?,
                ioctl::GET_TX_MSG_COUNT => put(number, net.unsent(&port) as u32)?,
                ioctl::GET_RX_TIMEOUT => put(number, port.rx_timeout_ms.load(Relaxed))?,
                ioctl::GET_TX_TIMEOUT => put(number, port.tx_timeout_ms.load(Relaxed))?,
                ioctl::SET_RX_TIMEOUT => port.rx_timeout_ms.store(time_out()?, Relaxed),
                ioctl::SET_TX_TIMEOUT => port.tx_timeout_ms.store(time_out()?, Relaxed),
                ioctl::GET_SERIAL => put(number, 0)?,
                ioctl::GET_TIMESTAMP_FREQ => put(argument.cast(), 1_000_000u64)?,
                ioctl::GET_TIMESTAMP => put(argument.cast(), net.now_us())?,
                ioctl::GET_BUS_STATISTIC => put(argument.cast(), statistic(&net))?,
                ioctl::GET_CTRL_STATUS => {
                    let (status, send_errors) = if net.connected() { (0, 0) } else { ERROR_PASSIVE };
                    put(
                        argument.cast(),
                        ControllerState { receive_errors: 0, send_errors, status, kind: 0 },
                    )?;
                }
                ioctl::GET_BITRATE_DETAILS => put(argument.cast(), bit_rate_details(net.bit_rate()))?,
                _ => return Err(codes::NOT_IMPLEMENTED),
            }
        }
        Ok(())
    })
}

fn statistic(net: &crate::net::Net) -> BusStatistic {
    let counters = &net.counters;
    BusStatistic {
        timestamp: net.now_us(),
        received: std::array::from_fn(|kind| counters.received[kind].load(Relaxed)),
        sent: std::array::from_fn(|kind| counters.sent[kind].load(Relaxed)),
        controller_overruns: 0,
        fifo_overflows: counters.overflows.load(Relaxed),
        error_frames: counters.bad_lines.load(Relaxed),
        received_bytes: counters.received_bytes.load(Relaxed),
        sent_bytes: counters.sent_bytes.load(Relaxed),
        aborted_frames: counters.aborted.load(Relaxed),
        reserved: [0; 2],
        bits: 0,
    }
}

fn bit_rate_details(rate: Option<BitRate>) -> BitRateDetails {
    let (word, bit_per_s) = rate.map_or((codes::NO_BIT_RATE, 0), |rate| (rate.word, rate.bit_per_s));
    // Not valid is all ones.
    let valid = if rate.is_some() { SUCCESS as u32 } else { u32::MAX };
    BitRateDetails {
        word,
        valid,
        bit_per_s,
        clock_hz: 0,
        controller: 0,
        quanta: [0; 3],
        error: 0,
        flags: 0,
        reserved: [0; 3],
    }
}
