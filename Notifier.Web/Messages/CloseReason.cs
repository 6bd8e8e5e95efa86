using System.Buffers.Binary;
using System.Text;

namespace Notifier.Messages;

/// <summary>
/// Why a connection is closed, for the close frame. The range of the code says what the client should do, so that an old
/// client handles a new code: 44xx do not reconnect unchanged, 45xx reconnect with back-off and jitter, 46xx reconnect
/// after the given time. 4000-4999 are for applications (RFC 6455, 7.4.2).
/// </summary>
/// <param name="Code">The status code, or null for a close frame without one (the answer to a peer that sent none).</param>
/// <param name="Text">For people; cut to 123 bytes, the limit of a close frame (RFC 6455, 5.5).</param>
/// <param name="RetryAfter">Seconds after which the client should reconnect; null if it is not told any.</param>
internal readonly record struct CloseReason(ushort? Code, string Text, double? RetryAfter = null)
{
    private const int MaxTextBytes = 123;

    private CloseReason(CloseCode code, string text, double? retryAfter = null) : this((ushort)code, text, retryAfter)
    {
    }

    public static CloseReason Internal { get; } = new(CloseCode.Internal, "internal error; reconnect");

    /// <summary>After a violation of the protocol (1002, 1007). What has found it encodes the close frame: .NET's WebSocket, or the reader of frames.</summary>
    public static CloseReason ProtocolError { get; } = new(null, "protocol error");

    /// <summary>The answer to a client's close frame, with the client's own code (RFC 6455, 5.5.1).</summary>
    public static CloseReason Answering(System.Net.WebSockets.WebSocketCloseStatus? status) =>
        new(status is null or System.Net.WebSockets.WebSocketCloseStatus.Empty ? null : (ushort)status, "");

    public static CloseReason Malformed(string text) => new(CloseCode.Malformed, text);

    public static CloseReason Unauthorized(string text) => new(CloseCode.Unauthorized, text);

    /// <summary>The caller's access expired, and the client did not renew it.</summary>
    public static CloseReason Expired { get; } = Unauthorized("access has expired; reconnect with a fresh token");

    public static CloseReason NoToken(TimeSpan limit) => new(CloseCode.NoToken, $"no token within {limit.TotalSeconds} s; reconnect and send auth");

    public static CloseReason NotAllowed(string text) => new(CloseCode.NotAllowed, text);

    public static CloseReason FrameTooBig(int limit) => new(CloseCode.FrameTooBig, $"a frame may have at most {limit} bytes");

    public static CloseReason Overloaded(string text) => new(CloseCode.Overloaded, text);

    public static CloseReason TooSlow(long? lost) =>
        new(CloseCode.TooSlow, lost is null ? "too slow: messages were lost" : $"too slow: {lost} messages were lost");

    public static CloseReason TooManyCommands(int perSecond) => new(CloseCode.TooManyCommands, $"too many commands: {perSecond} a second are allowed");

    /// <summary>.NET answers pings itself, so they are no commands.</summary>
    public static CloseReason TooManyFrames { get; } = new(CloseCode.TooManyCommands, "too many pings or small fragments");

    /// <param name="retryAfter">Seconds; different for each client, so that they do not all reconnect at once.</param>
    public static CloseReason GoingAway(double retryAfter) =>
        new(CloseCode.GoingAway, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"retryAfter={retryAfter:0.00}"), Math.Round(retryAfter, 2));

    /// <summary>The code as a word, for transports without close frames.</summary>
    public string Name => Code is { } code && Enum.IsDefined((CloseCode)code) ? NameOf((CloseCode)code) : ServerCodes.Internal;

    /// <summary>The whole close frame, unmasked, ready for the socket.</summary>
    public byte[] ToFrame()
    {
        if (Code is not { } code)
            return [ServerFrame.Final | ServerFrame.Close, 0];

        var text = Encoding.UTF8.GetBytes(Text ?? "");
        var length = WholeCharacters(text, MaxTextBytes);
        var frame = new byte[4 + length];
        frame[0] = ServerFrame.Final | ServerFrame.Close;
        frame[1] = (byte)(2 + length);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), code);
        text.AsSpan(0, length).CopyTo(frame.AsSpan(4));
        return frame;
    }

    private static string NameOf(CloseCode code) => code switch
    {
        CloseCode.Malformed => ServerCodes.Malformed,
        CloseCode.Unauthorized => ServerCodes.Unauthorized,
        CloseCode.NotAllowed => ServerCodes.Forbidden,
        CloseCode.Overloaded => ServerCodes.Overloaded,
        CloseCode.TooSlow => ServerCodes.Slow,
        CloseCode.Internal => ServerCodes.Internal,
        // Only WebSockets have these: an event stream receives no commands, and announces a shutdown with its own words.
        CloseCode.FrameTooBig or CloseCode.NoToken or CloseCode.TooManyCommands or CloseCode.GoingAway => ServerCodes.Internal,
    };

    /// <summary>The length of the longest prefix of at most <paramref name="limit"/> bytes that does not end inside a character.</summary>
    private static int WholeCharacters(ReadOnlySpan<byte> utf8, int limit)
    {
        if (utf8.Length <= limit)
            return utf8.Length;
        while ((utf8[limit] & 0xC0) == 0x80)
            limit--;
        return limit;
    }
}
