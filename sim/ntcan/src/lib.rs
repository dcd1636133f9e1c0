#![doc = include_str!("../README.md")]

mod abi;
#[forbid(unsafe_code)]
pub mod codes;
#[forbid(unsafe_code)]
pub mod filter;
#[forbid(unsafe_code)]
pub mod handle;
#[forbid(unsafe_code)]
pub mod net;
#[forbid(unsafe_code)]
mod news;
#[forbid(unsafe_code)]
pub mod slcan;

pub use abi::*;
