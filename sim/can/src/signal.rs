/// Where a number sits in the eight bytes of a frame, and how the raw integer becomes a physical value:
/// `physical = raw · scale + offset`.
///
/// Bits are counted the little-endian ("intel") way: bit n is bit n % 8 of byte n / 8, bit 0 the least
/// significant. Everything is public and constructors are `const`, so a module can write its signals
/// as constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignalLayout {
    /// Position of the least significant bit, 0 to 63.
    pub start_bit: u8,
    /// Width, 1 to 64; `start_bit + bits` is at most 64.
    pub bits: u8,
    /// The raw integer is two's complement.
    pub signed: bool,
    /// Physical units per bit, not zero.
    pub scale: f64,
    /// Physical value of raw zero.
    pub offset: f64,
}

impl SignalLayout {
    /// An unsigned number of `scale` physical units per bit.
    ///
    /// # Panics
    /// If the signal does not fit in 64 bits or `scale` is zero; at compile time in a constant.
    pub const fn unsigned(start_bit: u8, bits: u8, scale: f64) -> Self {
        Self::checked(SignalLayout { start_bit, bits, signed: false, scale, offset: 0.0 })
    }

    /// A two's complement number of `scale` physical units per bit.
    ///
    /// # Panics
    /// As [`SignalLayout::unsigned`].
    pub const fn signed(start_bit: u8, bits: u8, scale: f64) -> Self {
        Self::checked(SignalLayout { start_bit, bits, signed: true, scale, offset: 0.0 })
    }

    /// One bit.
    ///
    /// # Panics
    /// As [`SignalLayout::unsigned`].
    pub const fn flag(bit: u8) -> Self {
        Self::unsigned(bit, 1, 1.0)
    }

    const fn checked(self) -> Self {
        assert!(
            self.bits >= 1 && self.start_bit as u16 + self.bits as u16 <= 64,
            "a signal must lie in 64 bits"
        );
        assert!(self.scale != 0.0, "a signal needs a scale other than zero");
        self
    }

    const fn mask(&self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }

    /// The raw integer in `data`, sign-extended if the signal is signed. An unsigned 64-bit signal comes
    /// as its bit pattern.
    #[inline]
    pub const fn raw(&self, data: &[u8; 8]) -> i64 {
        let field = (u64::from_le_bytes(*data) >> self.start_bit) & self.mask();
        if self.signed {
            let unused = 64 - self.bits;
            ((field << unused) as i64) >> unused
        } else {
            field as i64
        }
    }

    /// True if any bit of the signal is set.
    #[inline]
    pub const fn is_set(&self, data: &[u8; 8]) -> bool {
        self.raw(data) != 0
    }

    /// The physical value in `data`.
    #[inline]
    pub const fn physical(&self, data: &[u8; 8]) -> f64 {
        let raw = self.raw(data);
        let number = if self.signed { raw as f64 } else { raw as u64 as f64 };
        number * self.scale + self.offset
    }

    /// Writes the low `bits` of `raw`, leaving every other bit of `data` as it is.
    #[inline]
    pub const fn set_raw(&self, data: &mut [u8; 8], raw: i64) {
        let mask = self.mask() << self.start_bit;
        let word = u64::from_le_bytes(*data);
        *data = ((word & !mask) | (((raw as u64) << self.start_bit) & mask)).to_le_bytes();
    }

    /// Writes the raw integer nearest to `physical`, saturating at the ends of the range; halves go away
    /// from zero and NaN writes raw zero.
    #[inline]
    pub fn set_physical(&self, data: &mut [u8; 8], physical: f64) {
        let raw = ((physical - self.offset) / self.scale).round();
        // Float-to-integer casts saturate, which settles the 64-bit ends and NaN.
        let raw = if self.signed {
            let max = (self.mask() >> 1) as i64;
            (raw as i64).clamp(-max - 1, max)
        } else {
            (raw as u64).min(self.mask()) as i64
        };
        self.set_raw(data, raw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANGLE_DEG: SignalLayout = SignalLayout::signed(0, 16, 0.1);
    const TORQUE_NM: SignalLayout = SignalLayout::signed(48, 8, 0.0625);
    const WHEEL_TORQUE_NM: SignalLayout = SignalLayout::signed(32, 14, 4.0);
    const ENABLED: SignalLayout = SignalLayout::flag(56);

    #[test]
    fn signals_read_as_the_real_decoder_reads_them() {
        // Bytes of a 0x65 frame whose decoded values are published in the interface facts.
        let data = [0x21, 0x4c, 0xc4, 0xcf, 0x6f, 0x99, 0xc4, 0x01];
        assert!((ANGLE_DEG.physical(&data) - 1948.9).abs() < 1e-9);
        assert_eq!(TORQUE_NM.physical(&data), -3.75);
        assert!(ENABLED.is_set(&data));
    }

    #[test]
    fn physical_values_saturate_instead_of_wrapping() {
        let mut data = [0xFF; 8];
        ANGLE_DEG.set_physical(&mut data, 1e9);
        assert_eq!(ANGLE_DEG.raw(&data), 32767);
        ANGLE_DEG.set_physical(&mut data, f64::NEG_INFINITY);
        assert_eq!(ANGLE_DEG.raw(&data), -32768);
        let percent = SignalLayout::unsigned(0, 16, 100.0 / 65535.0);
        percent.set_physical(&mut data, -3.0);
        assert_eq!(percent.raw(&data), 0);
        percent.set_physical(&mut data, f64::NAN);
        assert_eq!(percent.raw(&data), 0);
        let word = SignalLayout::unsigned(0, 64, 1.0);
        word.set_physical(&mut data, f64::INFINITY);
        assert_eq!(data, [0xFF; 8]);
        assert_eq!(word.physical(&data), u64::MAX as f64);
    }

    #[test]
    fn physical_values_round_to_the_nearest_bit() {
        let mut data = [0; 8];
        ANGLE_DEG.set_physical(&mut data, 0.26);
        assert_eq!(ANGLE_DEG.raw(&data), 3);
        ANGLE_DEG.set_physical(&mut data, -0.26);
        assert_eq!(ANGLE_DEG.raw(&data), -3);
    }

    fn layouts() -> impl Strategy<Value = SignalLayout> {
        let scale = prop_oneof![-10.0..-0.001, 0.001..10.0];
        (1u8..=64, 0u8..64, any::<bool>(), scale, -100.0..100.0).prop_map(
            |(bits, start, signed, scale, offset)| SignalLayout {
                start_bit: start % (65 - bits),
                bits,
                signed,
                scale,
                offset,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else_changes(layout in layouts(), before: [u8; 8], raw: i64) {
            let mut data = before;
            layout.set_raw(&mut data, raw);
            let unused = 64 - layout.bits;
            let kept = if layout.signed { (raw << unused) >> unused } else { ((raw as u64) << unused >> unused) as i64 };
            prop_assert_eq!(layout.raw(&data), kept);
            let field = (u64::MAX >> unused) << layout.start_bit;
            prop_assert_eq!(u64::from_le_bytes(data) & !field, u64::from_le_bytes(before) & !field);
        }

        #[test]
        fn a_physical_value_in_range_comes_back_within_half_a_bit(layout in layouts(), before: [u8; 8], source: [u8; 8]) {
            prop_assume!(layout.bits <= 32);
            let physical = layout.physical(&source);
            let mut data = before;
            layout.set_physical(&mut data, physical);
            prop_assert_eq!(layout.raw(&data), layout.raw(&source));
        }
    }

    #[test]
    fn a_fourteen_bit_torque_keeps_its_sign() {
        let mut data = [0; 8];
        WHEEL_TORQUE_NM.set_physical(&mut data, -1200.0);
        assert_eq!(WHEEL_TORQUE_NM.physical(&data), -1200.0);
    }
}
