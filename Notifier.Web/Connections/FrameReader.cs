using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Text;
using System.Text.Unicode;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// Reads frames (RFC 6455, 5) from the bare transport: plain TCP, after the connection has left HTTP. Compared with .NET's WebSocket, an idle connection needs
/// 700 bytes less, and a lost one costs one exception instead of four.
/// </summary>
internal sealed class FrameReader(PipeReader pipe, Connection connection) : ClientReader(connection)
{
    /// <summary>How much of a client that sends too much is discarded, so that it receives the close frame: a reset could overtake that.</summary>
    private const int MaxDiscarded = 256 * 1024;

    /// <summary>The message so far, in a rented array. Empty between messages.</summary>
    private byte[] buffer = [];

    private int length;
    private int fragments;

    /// <summary>How much of a text is known to be UTF-8.</summary>
    private int valid;

    /// <summary>The opcode of the message, which its first frame has; 0 between messages.</summary>
    private byte opcode;

    /// <summary>The data frame whose payload is being read.</summary>
    private bool isInFrame;

    private bool isFinal;
    private uint mask;
    private long left;

    private int discarded;

    public override ValueTask<ReadResult> WaitAsync()
    {
        Input.OnRead();
        return pipe.ReadAsync();
    }

    public override bool TryRead(in ReadResult result, out ClientMessage message)
    {
        var bytes = new SequenceReader<byte>(result.Buffer);
        ClientMessage? taken = null;
        while (taken is null && (isInFrame ? TryReadPayload(ref bytes, out taken) : TryReadFrame(ref bytes, out taken)))
        {
            // Nothing else: both methods have taken a part.
        }
        pipe.AdvanceTo(bytes.Position, taken is null ? result.Buffer.End : bytes.Position);
        if (taken is null && result.IsCompleted)
            taken = ClientMessage.LostWithoutClose;
        message = taken.GetValueOrDefault();
        return taken is not null;
    }

    public override void Dispose() => EndMessage();

    /// <summary>Reads a control frame, or the header of a data frame.</summary>
    /// <returns>False if more bytes are needed.</returns>
    private bool TryReadFrame(ref SequenceReader<byte> bytes, out ClientMessage? taken)
    {
        taken = null;
        switch (FrameHeader.TryPeek(bytes, isInMessage: opcode != 0, out var header))
        {
            case OperationStatus.NeedMoreData:
                return false;
            case OperationStatus.InvalidData:
                taken = Fail(WebSocketCloseStatus.ProtocolError, "an invalid frame header");
                return true;
        }
        if (header.IsControl)
            return TryReadControl(ref bytes, header, out taken);

        bytes.Advance(header.Size);
        (isInFrame, isFinal, mask, left) = (true, header.IsFinal, header.Mask, header.Payload);
        if (opcode == 0)
            opcode = header.Opcode;
        taken = header.Payload < 0 ? Fail(WebSocketCloseStatus.ProtocolError, "a frame of more than 2^63 bytes") : BeginFrame(header.Size);
        return true;
    }

    /// <summary>Counts a data frame, and refuses it before any of its payload is stored.</summary>
    private ClientMessage? BeginFrame(int header)
    {
        var isSmall = left < ClientInput.LargePayload;
        if (IsDraining)
            return isSmall ? Count(header + (int)left) : null;
        // Each fragment counts as one more byte, which limits a message of empty fragments too.
        fragments++;
        if (length + left > Limit || (!isFinal && length + left + fragments > Limit))
            return new(ClientMessageKind.TooBig);
        return isSmall && !isFinal ? Count(1) : null;
    }

    /// <returns>False if more bytes are needed.</returns>
    private bool TryReadPayload(ref SequenceReader<byte> bytes, out ClientMessage? taken)
    {
        taken = null;
        var count = (int)Math.Min(left, bytes.Remaining);
        if (IsDraining)
            bytes.Advance(count);
        else
            Append(ref bytes, count);
        left -= count;
        isInFrame = left > 0;
        if (!IsDraining && !isInFrame && isFinal)
            taken = TakeMessage();
        else if (!IsDraining && opcode == ServerFrame.Text && !IsTextSoFar())
            taken = NotText();
        else if (IsDraining && !isInFrame && isFinal)
            EndMessage();
        return !isInFrame;
    }

    private void Append(ref SequenceReader<byte> bytes, int count)
    {
        if (buffer.Length < length + left)
        {
            var larger = ArrayPool<byte>.Shared.Rent(length + (int)left);
            buffer.AsSpan(0, length).CopyTo(larger);
            ReturnBuffer();
            buffer = larger;
        }
        var part = buffer.AsSpan(length, count);
        bytes.TryCopyTo(part);
        bytes.Advance(count);
        FrameHeader.Unmask(part, mask);
        mask = FrameHeader.MaskAfter(mask, count);
        length += count;
    }

    private ClientMessage TakeMessage()
    {
        var payload = buffer.AsSpan(0, length);
        var message = opcode == ServerFrame.Binary ? new(ClientMessageKind.Binary, Bytes: payload.ToArray())
            : Utf8.IsValid(payload) ? new(ClientMessageKind.Text, Encoding.UTF8.GetString(payload))
            : NotText();
        EndMessage();
        return message;
    }

    /// <summary>Whether what has arrived can become UTF-8. Called before a text is complete, so that an invalid one ends at once.</summary>
    private bool IsTextSoFar()
    {
        while (valid < length)
        {
            switch (Rune.DecodeFromUtf8(buffer.AsSpan(valid, length - valid), out _, out var consumed))
            {
                case OperationStatus.Done:
                    valid += consumed;
                    break;
                case OperationStatus.NeedMoreData:
                    return true;
                default:
                    return false;
            }
        }
        return true;
    }

    private void EndMessage()
    {
        ReturnBuffer();
        (length, fragments, valid, opcode) = (0, 0, 0, 0);
    }

    private void ReturnBuffer()
    {
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
        buffer = [];
    }

    /// <returns>False if more bytes are needed: a control frame is short, and is read as a whole.</returns>
    private bool TryReadControl(ref SequenceReader<byte> bytes, FrameHeader header, out ClientMessage? taken)
    {
        taken = null;
        var size = (int)header.Payload;
        if (bytes.Remaining < header.Size + size)
            return false;
        bytes.Advance(header.Size);
        Span<byte> payload = stackalloc byte[size];
        bytes.TryCopyTo(payload);
        bytes.Advance(size);
        FrameHeader.Unmask(payload, header.Mask);
        switch (header.Opcode)
        {
            case ServerFrame.Close:
                taken = OnClose(payload);
                return true;
            case ServerFrame.Ping:
                Input.OnPing();
                if (!IsDraining)
                    Connection.SendPong([ServerFrame.Final | ServerFrame.Pong, (byte)size, .. payload]);
                break;
        }
        taken = Count(header.Size + size);
        return true;
    }

    private ClientMessage OnClose(ReadOnlySpan<byte> payload)
    {
        // A missing code is answered with 1000, which the RFC allows.
        var code = payload.Length == 0 ? (ushort)WebSocketCloseStatus.NormalClosure
            : payload.Length == 1 ? (ushort)0
            : BinaryPrimitives.ReadUInt16BigEndian(payload);
        if (!IsValidCode(code) || (payload.Length > 2 && !Utf8.IsValid(payload[2..])))
            return Fail(WebSocketCloseStatus.ProtocolError, "an invalid close frame");
        CloseStatus = (WebSocketCloseStatus)code;
        return new(ClientMessageKind.Close);
    }

    /// <summary>RFC 6455, 7.4, and the codes that IANA has registered since: 1004 to 1006 and 1015 are never sent.</summary>
    private static bool IsValidCode(ushort code) => code is (>= 1000 and <= 1003) or (>= 1007 and <= 1014) or (>= 3000 and <= 4999);

    /// <summary>Counts bytes outside of messages.</summary>
    private ClientMessage? Count(int bytes)
    {
        if (Input.TryCount(bytes))
            return null;
        if (!IsDraining)
            return new(ClientMessageKind.TooManyFrames);
        discarded += bytes;
        return discarded > MaxDiscarded ? new(ClientMessageKind.Lost, "the client sends frames without end after the close") : null;
    }
}
