using System.Buffers.Text;

namespace Notifier.Messages;

/// <summary>
/// The bytes of a batch of frames while it is put together. One per thread and format, reused: whoever is given a batch
/// takes what it needs before it returns.
/// </summary>
internal sealed class FrameBuffer
{
    private byte[] bytes = new byte[1024];

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => bytes.AsMemory(0, Length);

    public void Clear() => Length = 0;

    /// <summary>Room for <paramref name="length"/> bytes at the end, which count as written.</summary>
    public Span<byte> Append(int length)
    {
        Reserve(length);
        var room = bytes.AsSpan(Length, length);
        Length += length;
        return room;
    }

    public void Append(ReadOnlySpan<byte> written) => written.CopyTo(Append(written.Length));

    /// <summary>Appends digits.</summary>
    public void Append(long number)
    {
        const int longest = 20;
        Reserve(longest);
        Utf8Formatter.TryFormat(number, bytes.AsSpan(Length), out var digits);
        Length += digits;
    }

    /// <summary>Moves what begins at <paramref name="start"/> by so many bytes, to the end or (below zero) to the beginning.</summary>
    /// <returns>All that is written.</returns>
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
