using System.Text.Unicode;

namespace Notifier.Messages;

/// <summary>
/// JSON objects, one per frame: the format that can say which name a message belongs to, and what was lost. Derived classes write the
/// beginning and the end of a frame.
/// </summary>
internal abstract class JsonFormat : WireFormat
{
    /// <summary>Bytes of a large frame that are sent from the buffer; the rest is shared.</summary>
    private const int LargeBeginning = 1024;

    /// <summary>A frame with this object.</summary>
    public byte[] Frame(ServerObject content)
    {
        var frame = new FrameBuffer();
        var start = BeginFrame(frame, position: null);
        frame.Append(content.ToJson());
        EndFrame(frame, start);
        return frame.Written.ToArray();
    }

    /// <summary>A frame with this object and the client's position in the name.</summary>
    public byte[] Frame(ServerObject content, SubscriptionIdentity source, Position position)
    {
        var frame = new FrameBuffer();
        var start = BeginFrame(frame, (source, position));
        frame.Append((content with { Position = source.Text(position) }).ToJson());
        EndFrame(frame, start);
        return frame.Written.ToArray();
    }

    public override byte[] Lost(SubscriptionIdentity source, long? lost, Position last) =>
        Frame(ServerObject.For(ServerTypes.Gap, source.Name) with { Code = ServerCodes.Slow, Lost = lost }, source, last);

    public override byte[] Expiring(int seconds) => Frame(new ServerObject { Type = ServerTypes.Expiring, In = seconds });

    /// <summary>Begins a frame, to be ended with <see cref="EndFrame"/>.</summary>
    /// <param name="into">The buffer.</param>
    /// <param name="position">The client's position after this frame; null if the frame does not change it.</param>
    /// <returns>The offset at which the frame begins.</returns>
    protected abstract int BeginFrame(FrameBuffer into, (SubscriptionIdentity Source, Position Position)? position);

    protected abstract void EndFrame(FrameBuffer into, int start);

    protected sealed override void WriteFrame(FrameBuffer into, in Message message, SubscriptionIdentity source, Position position)
    {
        var start = BeginFrame(into, (source, position));
        if (message.Gap == GapCode.None)
            WriteMessage(into, message, source);
        else
            WriteGap(into, message.Gap, source);
        into.Append(",\"position\":\""u8);
        source.WritePosition(into, position);
        into.Append("\"}"u8);
        EndFrame(into, start);
    }

    protected sealed override FrameBatch EncodeLarge(FrameBuffer buffer, in Message message, SubscriptionIdentity source, Position position)
    {
        var large = message;
        var frame = source.LargeFrameOf(this, position, () =>
        {
            var whole = new FrameBuffer();
            WriteFrame(whole, large, source, position);
            return whole.Written.ToArray();
        });
        return new FrameBatch(frame.AsMemory(0, LargeBeginning), 1, frame.AsMemory(LargeBeginning));
    }

    private static void WriteMessage(FrameBuffer into, in Message message, SubscriptionIdentity source)
    {
        into.Append("{\"type\":\"message\","u8);
        into.Append(source.Label);
        if (!message.Channel.IsEmpty)
            WriteText(into, message.Channel.Span, Utf8.IsValid(message.Channel.Span), ",\"channel\":"u8, ",\"channelBase64\":"u8);
        WriteText(into, message.Payload.Span, message.IsText, ",\"data\":"u8, ",\"base64\":"u8);
    }

    private static void WriteText(FrameBuffer into, ReadOnlySpan<byte> bytes, bool isText, ReadOnlySpan<byte> textKey, ReadOnlySpan<byte> bytesKey)
    {
        into.Append(isText ? textKey : bytesKey);
        if (isText)
            JsonText.Append(into, bytes);
        else
            JsonText.AppendBase64(into, bytes);
    }

    private static void WriteGap(FrameBuffer into, GapCode code, SubscriptionIdentity source)
    {
        into.Append("{\"type\":\"gap\","u8);
        into.Append(source.Label);
        into.Append(",\"code\":\""u8);
        into.Append(code switch
        {
            GapCode.Redis => "redis"u8,
            GapCode.Overload => "overload"u8,
            GapCode.TooLarge => "tooLarge"u8,
            GapCode.Trimmed => "trimmed"u8,
            GapCode.Reset => "reset"u8,
            GapCode.Internal => "internal"u8,
            GapCode.None => throw new ArgumentOutOfRangeException(nameof(code), code, "A message is not a gap."),
        });
        into.Append("\""u8);
    }
}
