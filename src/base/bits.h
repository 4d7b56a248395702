// SPDX-License-Identifier: MIT
// Bit counting and rounding, for the baseline instruction set.
#ifndef HAK_BASE_BITS_H
#define HAK_BASE_BITS_H

#include "base/attributes.h"

/* The position of the lowest set bit; `bits` is not 0. */
HAK_INLINE unsigned hak_bits_lowest(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

/* The position of the highest set bit; `bits` is not 0. */
HAK_INLINE unsigned hak_bits_highest(uint64_t bits)
{
    return 63U - (unsigned)__builtin_clzll(bits);
}

/* Without -mpopcnt the compiler's builtin is a call into libgcc. */
HAK_INLINE unsigned hak_bits_count(uint64_t bits)
{
    bits -= (bits >> 1) & 0x5555555555555555U;
    bits = (bits & 0x3333333333333333U) + ((bits >> 2) & 0x3333333333333333U);
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0FU;
    return (unsigned)((bits * 0x0101010101010101U) >> 56);
}

/* Bits first … first + count - 1; 1 <= count, first + count <= 64. */
HAK_INLINE uint64_t hak_bits_range(unsigned first, unsigned count)
{
    return (~(uint64_t)0 >> (64U - count)) << first;
}

HAK_INLINE bool hak_is_power_of_two(size_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* `granule` is a power of two; the caller has excluded overflow. */
HAK_INLINE size_t hak_round_up(size_t value, size_t granule)
{
    return (value + granule - 1) & ~(granule - 1);
}

HAK_INLINE size_t hak_round_down(size_t value, size_t granule)
{
    return value & ~(granule - 1);
}

/* The smallest power of two at or above `value`, which is between 1 and 2^63. */
HAK_INLINE size_t hak_power_of_two_at_least(size_t value)
{
    return value <= 1 ? 1 : (size_t)2 << hak_bits_highest(value - 1);
}

#endif
