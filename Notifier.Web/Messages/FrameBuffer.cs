using System.Buffers.Text;

namespace Notifier.Messages;

/// <summary>
/// A growing buffer in which frames are encoded. Reused: a receiver of a batch copies the bytes that it needs before it returns.
/// </summary>
internal sealed class FrameBuffer
{
    private byte[] bytes = new byte[1024];

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => bytes.AsMemory(0, Length);

    public void Clear() => Length = 0;

    /// <summary>Appends <paramref name="length"/> bytes, which the caller fills in.</summary>
    public Span<byte> Append(int length)
    {
        Reserve(length);
        var room = bytes.AsSpan(Length, length);
        Length += length;
        return room;
    }

    public void Append(ReadOnlySpan<byte> written) => written.CopyTo(Append(written.Length));

    /// <summary>Appends the number in decimal.</summary>
    public void Append(long number)
    {
        const int longest = 20;
        Reserve(longest);
        Utf8Formatter.TryFormat(number, bytes.AsSpan(Length), out var digits);
        Length += digits;
    }

    /// <summary>Moves the bytes from <paramref name="start"/> on, towards the end or (if negative) towards the beginning.</summary>
    /// <returns>All written bytes.</returns>
    public Span<byte> Shift(int start, int by)
    {
        var moved = Length - start;
        if (by > 0)
            Reserve(by);
        bytes.AsSpan(start, moved).CopyTo(bytes.AsSpan(start + by));
        Length += by;
        return bytes.AsSpan(0, Length);
    }

    private void Reserve(int length)
    {
        if (bytes.Length - Length < length)
            Array.Resize(ref bytes, Math.Max(bytes.Length * 2, Length + length));
    }
}
