using System.Buffers.Text;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Notifier.Names;

namespace Notifier.Messages;

/// <summary>
/// What all messages of one subscription have in common, encoded once. Its epoch identifies this log of the name, so that a position of an
/// earlier log, or of another node, is never mistaken for one of this log. Thread-safe.
/// </summary>
internal sealed class SubscriptionIdentity(Name name)
{
    private readonly long epoch = Random.Shared.NextInt64();    // need not be unpredictable
    private byte[]? label;
    private byte[]? epochText;
    private LargeFrame? latestLarge;
    private EncodedJournalEpoch? journalEpoch;

    public Name Name => name;

    /// <summary>The name as a JSON property: <c>"channel":"…"</c> or <c>"pattern":"…"</c>.</summary>
    public ReadOnlySpan<byte> Label => label ??= MakeLabel();

    /// <summary>The journal's epoch; null if the name is not durable. Set by the thread that follows the journal.</summary>
    public JournalEpoch? JournalEpoch
    {
        get => Volatile.Read(ref journalEpoch)?.Epoch;
        set => Volatile.Write(ref journalEpoch, value is null ? null : new EncodedJournalEpoch(value, Encoding.ASCII.GetBytes(value.PublicId)));
    }

    /// <summary>The position as clients get it: opaque to them.</summary>
    public string Text(Position position)
    {
        var text = new FrameBuffer();
        WritePosition(text, position);
        return Encoding.ASCII.GetString(text.Written.Span);
    }

    /// <returns>The number in a position of this log; null if the text is a position of another log, or not a position.</returns>
    public long? NumberOf(string position)
    {
        var own = position.AsSpan();
        if (own.IndexOf(JournalPosition.Sign) is >= 0 and var sign)
            own = own[..sign];
        var dot = own.IndexOf('.');
        return dot > 0
            && own[..dot].SequenceEqual(Text(new Position(0)).AsSpan()[..^2])
            && long.TryParse(own[(dot + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number
                : null;
    }

    public void WritePosition(FrameBuffer into, Position position)
    {
        if (position.Number != Position.NoNumber)
        {
            into.Append(epochText ??= Base64Url.EncodeToUtf8(MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in epoch))));
            into.Append("."u8);
            into.Append(position.Number);
        }
        if (position.JournalId == 0 || Volatile.Read(ref journalEpoch) is not { } kept || !kept.Epoch.Contains(position.JournalId))
            return;
        into.Append([(byte)JournalPosition.Sign]);
        into.Append(kept.PublicId);
        into.Append("."u8);
        into.Append(position.JournalId);
    }

    /// <summary>
    /// A frame too large to be encoded for each subscriber: as long as one subscriber still uses it, the others share it.
    /// </summary>
    public byte[] LargeFrameOf(WireFormat format, Position position, Func<byte[]> encode)
    {
        if (Volatile.Read(ref latestLarge) is { } latest && latest.Format == format && latest.Position == position && latest.Frame.TryGetTarget(out var frame))
            return frame;
        frame = encode();
        Volatile.Write(ref latestLarge, new LargeFrame(format, position, new(frame)));
        return frame;
    }

    private byte[] MakeLabel()
    {
        var text = new FrameBuffer();
        text.Append(name.Kind == NameKind.Channel ? "\"channel\":"u8 : "\"pattern\":"u8);
        JsonText.Append(text, Encoding.UTF8.GetBytes(name.Text));
        return text.Written.ToArray();
    }

    private sealed record EncodedJournalEpoch(JournalEpoch Epoch, byte[] PublicId);

    private sealed record LargeFrame(WireFormat Format, Position Position, WeakReference<byte[]> Frame);
}
