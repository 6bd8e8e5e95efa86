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
        if (bytes.Length - Length < length)
            Array.Resize(ref bytes, Math.Max(bytes.Length * 2, Length + length));
        var room = bytes.AsSpan(Length, length);
        Length += length;
        return room;
    }
}
