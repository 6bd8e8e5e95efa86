namespace Notifier.Names;

/// <summary>A set of byte values: what one token of a pattern accepts.</summary>
internal readonly record struct ByteSet
{
    private readonly UInt128 low;
    private readonly UInt128 high;

    private ByteSet(UInt128 low, UInt128 high)
    {
        this.low = low;
        this.high = high;
    }

    public static ByteSet None => default;

    public static ByteSet All => new(UInt128.MaxValue, UInt128.MaxValue);

    public bool IsEmpty => low == UInt128.Zero && high == UInt128.Zero;

    public static ByteSet From(byte value) =>
        value < 128 ? new(UInt128.One << value, UInt128.Zero) : new(UInt128.Zero, UInt128.One << (value - 128));

    public bool Contains(byte value) =>
        ((value < 128 ? low >> value : high >> (value - 128)) & UInt128.One) != UInt128.Zero;

    /// <summary>Whether the set has exactly one byte.</summary>
    public bool IsSingle(out byte value)
    {
        value = (byte)(low != UInt128.Zero ? UInt128.TrailingZeroCount(low) : 128 + UInt128.TrailingZeroCount(high));
        return UInt128.PopCount(low) + UInt128.PopCount(high) == UInt128.One;
    }

    public bool IsWithin(ByteSet other) => (low & ~other.low) == UInt128.Zero && (high & ~other.high) == UInt128.Zero;

    public static ByteSet operator |(ByteSet left, ByteSet right) => new(left.low | right.low, left.high | right.high);

    public static ByteSet operator ~(ByteSet set) => new(~set.low, ~set.high);
}
