namespace Notifier.Redis.Receiver;

/// <summary>The bytes that were read and not routed yet. The buffer grows with the longest frame, and shrinks to its usual size when it is empty.</summary>
internal sealed class ReceiveBuffer
{
    private const int Room = 64 * 1024;

    private readonly byte[] usual = new byte[Room];
    private byte[] bytes;
    private int end;

    public ReceiveBuffer()
    {
        bytes = usual;
    }

    /// <summary>The bytes before this place are not needed any more.</summary>
    public int From { get; set; }

    public bool IsEmpty => From == end;

    /// <summary>Returns room for a read of at least 16 KiB. All places are invalid afterwards.</summary>
    public Span<byte> MakeRoom()
    {
        if (IsEmpty)
        {
            bytes = usual;
            From = end = 0;
        }
        if (bytes.Length - end < Room / 4)
        {
            var whole = end - From;
            var target = From > 0 && bytes.Length - whole >= Room / 4 ? bytes : new byte[bytes.Length * 2];
            bytes.AsSpan(From, whole).CopyTo(target);
            (bytes, From, end) = (target, 0, whole);
        }
        return bytes.AsSpan(end);
    }

    /// <summary>Counts the bytes that were read into the room.</summary>
    public void Add(int read) => end += read;

    public ReadOnlySpan<byte> After(int place) => bytes.AsSpan(place, end - place);

    public ReadOnlySpan<byte> Between(int start, int stop) => bytes.AsSpan(start, stop - start);
}
