using System.Buffers.Text;
using System.Runtime.CompilerServices;

namespace Notifier.Redis.Receiver;

/// <summary>What a frame of a subscription connection is.</summary>
internal enum RespKind
{
    /// <summary>A reply to a command, or a push for the library.</summary>
    Other,

    /// <summary><c>message</c>: a message of a channel.</summary>
    Message,

    /// <summary><c>pmessage</c>: a message that matches a pattern.</summary>
    PatternMessage,

    /// <summary><c>subscribe</c> or <c>psubscribe</c>: Redis has subscribed a name.</summary>
    Subscribed,

    /// <summary><c>unsubscribe</c> or <c>punsubscribe</c>.</summary>
    Unsubscribed,
}

/// <summary>
/// One frame of Redis' protocol (RESP2 arrays and RESP3 pushes, https://redis.io/docs/latest/develop/reference/protocol-spec/), parsed just far enough to
/// distinguish messages and confirmations from the library's frames. Its spans point into the bytes that it was parsed from.
/// </summary>
internal readonly ref struct RespFrame
{
    /// <summary>The most elements that a frame may have, nested ones included. Redis' own replies here have less than a hundred.</summary>
    private const int MaxElements = 1_000_000;

    /// <summary>The limit of a string. It is Redis' own default (<c>proto-max-bulk-len</c>).</summary>
    private const int MaxBytes = 512 * 1024 * 1024;

    // How frames begin, after the sign of an array or a push.
    private static ReadOnlySpan<byte> MessageHeader => "3\r\n$7\r\nmessage\r\n"u8;
    private static ReadOnlySpan<byte> PatternMessageHeader => "4\r\n$8\r\npmessage\r\n"u8;
    private static ReadOnlySpan<byte> SubscribeHeader => "3\r\n$9\r\nsubscribe\r\n"u8;
    private static ReadOnlySpan<byte> PatternSubscribeHeader => "3\r\n$10\r\npsubscribe\r\n"u8;
    private static ReadOnlySpan<byte> UnsubscribeHeader => "3\r\n$11\r\nunsubscribe\r\n"u8;
    private static ReadOnlySpan<byte> PatternUnsubscribeHeader => "3\r\n$12\r\npunsubscribe\r\n"u8;

    private RespFrame(RespKind kind, int length, bool isPattern, ReadOnlySpan<byte> name, ReadOnlySpan<byte> channel = default, ReadOnlySpan<byte> payload = default)
    {
        Kind = kind;
        Length = length;
        IsPattern = isPattern;
        Name = name;
        Channel = channel;
        Payload = payload;
    }

    public RespKind Kind { get; }

    /// <summary>In bytes.</summary>
    public int Length { get; }

    public bool IsPattern { get; }

    /// <summary>The channel or pattern that was subscribed.</summary>
    public ReadOnlySpan<byte> Name { get; }

    /// <summary>The channel that a message was published on.</summary>
    public ReadOnlySpan<byte> Channel { get; }

    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>Reads the frame at the beginning of the bytes. False while it is incomplete.</summary>
    /// <exception cref="InvalidDataException">These bytes are not RESP.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool TryRead(ReadOnlySpan<byte> bytes, out RespFrame frame)
    {
        frame = default;
        if (bytes.IsEmpty)
            return false;
        if (bytes[0] is (byte)'*' or (byte)'>' && bytes.Length > 4)
        {
            var rest = bytes[1..];
            if (rest.StartsWith(MessageHeader))
                return TryReadMessage(bytes, 1 + MessageHeader.Length, out frame);
            if (rest.StartsWith(PatternMessageHeader))
                return TryReadPatternMessage(bytes, 1 + PatternMessageHeader.Length, out frame);
            // Notifier does not subscribe sharded channels (smessage) yet.
        }
        return TryReadOther(bytes, out frame);
    }

    private static bool TryReadOther(ReadOnlySpan<byte> bytes, out RespFrame frame)
    {
        frame = default;
        if (!TryMeasure(bytes, out var length))
            return false;
        frame = ParseWhole(bytes[..length]);
        return true;
    }

    private static bool TryReadMessage(ReadOnlySpan<byte> bytes, int at, out RespFrame frame)
    {
        frame = default;
        if (!TryReadBulk(bytes, ref at, out var channel))
            return false;
        if (at < bytes.Length && bytes[at] == (byte)'*')
            return TryReadOther(bytes, out frame);      // __redis__:invalidate lists keys
        if (!TryReadBulk(bytes, ref at, out var payload))
            return false;
        frame = new(RespKind.Message, at, isPattern: false, channel, channel, payload);
        return true;
    }

    private static bool TryReadPatternMessage(ReadOnlySpan<byte> bytes, int at, out RespFrame frame)
    {
        frame = default;
        if (!TryReadBulk(bytes, ref at, out var pattern) || !TryReadBulk(bytes, ref at, out var channel) || !TryReadBulk(bytes, ref at, out var payload))
            return false;
        frame = new(RespKind.PatternMessage, at, isPattern: true, pattern, channel, payload);
        return true;
    }

    private static RespFrame ParseWhole(ReadOnlySpan<byte> bytes)
    {
        if (bytes[0] is (byte)'*' or (byte)'>')
        {
            var rest = bytes[1..];
            if (rest.StartsWith(SubscribeHeader))
                return ParseConfirmation(RespKind.Subscribed, bytes, 1 + SubscribeHeader.Length, isPattern: false);
            if (rest.StartsWith(PatternSubscribeHeader))
                return ParseConfirmation(RespKind.Subscribed, bytes, 1 + PatternSubscribeHeader.Length, isPattern: true);
            if (rest.StartsWith(UnsubscribeHeader))
                return ParseConfirmation(RespKind.Unsubscribed, bytes, 1 + UnsubscribeHeader.Length, isPattern: false);
            if (rest.StartsWith(PatternUnsubscribeHeader))
                return ParseConfirmation(RespKind.Unsubscribed, bytes, 1 + PatternUnsubscribeHeader.Length, isPattern: true);
        }
        return new(RespKind.Other, bytes.Length, isPattern: false, default);
    }

    /// <summary>The name may be null: the reply to unsubscribing from all names when there are none.</summary>
    private static RespFrame ParseConfirmation(RespKind kind, ReadOnlySpan<byte> bytes, int at, bool isPattern) =>
        bytes[at..].StartsWith("$-"u8) || bytes[at] == (byte)'_' || !TryReadBulk(bytes, ref at, out var name)
            ? new(RespKind.Other, bytes.Length, isPattern, default)
            : new(kind, bytes.Length, isPattern, name);

    private static bool TryReadBulk(ReadOnlySpan<byte> bytes, scoped ref int at, out ReadOnlySpan<byte> content)
    {
        content = default;
        if (at >= bytes.Length)
            return false;
        if (bytes[at] != (byte)'$')
            throw Malformed();
        var length = 0L;
        var i = at + 1;
        for (; i < bytes.Length && bytes[i] is >= (byte)'0' and <= (byte)'9'; i++)
        {
            length = (length * 10) + (bytes[i] - '0');
            if (length > MaxBytes)
                throw Malformed();
        }
        if (i + 2 > bytes.Length)
            return i < bytes.Length && bytes[i] != (byte)'\r' ? throw Malformed() : false;
        if (i == at + 1 || bytes[i] != (byte)'\r' || bytes[i + 1] != (byte)'\n')
            throw Malformed();
        var end = i + 2 + length + 2;
        if (end > bytes.Length)
            return false;
        content = bytes.Slice(i + 2, (int)length);
        at = (int)end;
        return bytes[at - 2] == (byte)'\r' && bytes[at - 1] == (byte)'\n' ? true : throw Malformed();
    }

    /// <summary>Finds the end of any frame.</summary>
    private static bool TryMeasure(ReadOnlySpan<byte> bytes, out int length)
    {
        length = 0;
        var at = 0;
        for (var left = 1L; left > 0; left--)
        {
            if (at >= bytes.Length)
                return false;
            var line = bytes[at..].IndexOf("\r\n"u8);
            if (line < 0)
                return bytes.Length - at > 64 * 1024 || !IsKind(bytes[at]) ? throw Malformed() : false;
            var kind = bytes[at];
            if (!IsKind(kind))
                throw Malformed();
            var text = bytes[(at + 1)..(at + line)];
            at += line + 2;
            if (kind is not ((byte)'$' or (byte)'*' or (byte)'>' or (byte)'~' or (byte)'%' or (byte)'|' or (byte)'=' or (byte)'!'))
                continue;
            if (!Utf8Parser.TryParse(text, out long count, out var read) || read != text.Length || count > MaxBytes)
                throw Malformed();
            if (count < 0)
                continue;       // null
            if (kind is (byte)'$' or (byte)'=' or (byte)'!')
            {
                if (at + count + 2 > bytes.Length)
                    return false;
                at += (int)count + 2;
                continue;
            }
            left += kind switch
            {
                (byte)'|' => (2 * count) + 1,       // attributes, and then the element that they describe
                (byte)'%' => 2 * count,
                _ => count,
            };
            if (left > MaxElements)
                throw Malformed();
        }
        length = at;
        return true;
    }

    private static bool IsKind(byte kind) => "+-:$*_,#(!=%|~>"u8.Contains(kind);

    private static InvalidDataException Malformed() => new("Redis has sent bytes that are not RESP.");
}
