using System.Buffers.Text;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Notifier.Messages;

/// <summary>
/// What all messages of one subscription have in common, and what is made of it only once. Its epoch tells one life of the
/// subscription from the next, so that a position is never taken for one of another. Thread-safe.
/// </summary>
internal sealed class MessageSource(Name name)
{
    private readonly long epoch = Random.Shared.NextInt64();    // nothing that needs to be unpredictable
    private byte[]? label;
    private byte[]? epochText;
    private LargeFrame? latestLarge;

    public Name Name => name;

    /// <summary>The name as it is in each JSON object: <c>"channel":"…"</c> or <c>"pattern":"…"</c>.</summary>
    public ReadOnlySpan<byte> Label => label ??= MakeLabel();

    /// <summary>Where a client stands that has got the message of that number. Opaque to clients.</summary>
    public string Position(long number)
    {
        var text = new FrameBuffer();
        WritePosition(text, number);
        return Encoding.ASCII.GetString(text.Written.Span);
    }

    /// <returns>The number in a position of this very source; null when it is another's, or no position at all.</returns>
    public long? NumberOf(string position)
    {
        var dot = position.IndexOf('.', StringComparison.Ordinal);
        return dot > 0
            && position.AsSpan(0, dot).SequenceEqual(Position(0).AsSpan()[..^2])
            && long.TryParse(position.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number
                : null;
    }

    public void WritePosition(FrameBuffer into, long number)
    {
        into.Append(epochText ??= Base64Url.EncodeToUtf8(MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in epoch))));
        into.Append("."u8);
        into.Append(number);
    }

    /// <summary>
    /// A frame too large to be made for each subscriber: while one of them still has it in hand, the others get the same.
    /// </summary>
    public byte[] Large(WireFormat format, long number, Func<byte[]> make)
    {
        if (Volatile.Read(ref latestLarge) is { } latest && latest.Format == format && latest.Number == number && latest.Frame.TryGetTarget(out var frame))
            return frame;
        frame = make();
        Volatile.Write(ref latestLarge, new LargeFrame(format, number, new(frame)));
        return frame;
    }

    private byte[] MakeLabel()
    {
        var text = new FrameBuffer();
        text.Append(name.Kind == NameKind.Channel ? "\"channel\":"u8 : "\"pattern\":"u8);
        JsonText.Append(text, Encoding.UTF8.GetBytes(name.Text));
        return text.Written.ToArray();
    }

    private sealed record LargeFrame(WireFormat Format, long Number, WeakReference<byte[]> Frame);
}
