using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Runtime.InteropServices;
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
    /// <summary>The longest header: two bytes, a length of eight, and the mask.</summary>
    private const int MaxHeader = 14;

    private const int MaskBytes = 4;

    /// <summary>The longest payload of a control frame.</summary>
    private const int MaxControl = 125;

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
        Span<byte> header = stackalloc byte[MaxHeader];
        header = header[..(int)Math.Min(MaxHeader, bytes.Remaining)];
        bytes.TryCopyTo(header);
        if (header.Length < 2)
            return false;
        var (first, second) = (header[0], header[1]);
        if (IsInvalid(first, second))
        {
            taken = Fail(WebSocketCloseStatus.ProtocolError, "an invalid frame header");
            return true;
        }
        var size = 2 + LengthBytes(second) + MaskBytes;
        if (header.Length < size)
            return false;
        var payload = PayloadLength(header);
        var key = BinaryPrimitives.ReadUInt32LittleEndian(header[(size - MaskBytes)..]);
        if (IsControl(first))
            return TryReadControl(ref bytes, ServerFrame.Opcode(header), size, (int)payload, key, out taken);

        bytes.Advance(size);
        (isInFrame, isFinal, mask, left) = (true, (first & ServerFrame.Final) != 0, key, payload);
        if (opcode == 0)
            opcode = ServerFrame.Opcode(header);
        taken = payload < 0 ? Fail(WebSocketCloseStatus.ProtocolError, "a frame of more than 2^63 bytes") : BeginFrame(size);
        return true;
    }

    /// <summary>Whether the RFC forbids a frame with these first two bytes: reserved bits and opcodes, no mask, long or fragmented control frames.</summary>
    private bool IsInvalid(byte first, byte second)
    {
        if ((first & 0x70) != 0 || (second & 0x80) == 0)
            return true;
        if (IsControl(first))
            return (first & ServerFrame.Final) == 0 || (second & 0x7F) > MaxControl || (first & 0x0F) > ServerFrame.Pong;
        return (first & 0x0F) switch
        {
            ServerFrame.Continuation => opcode == 0,
            ServerFrame.Text or ServerFrame.Binary => opcode != 0,
            _ => true,
        };
    }

    private static bool IsControl(byte first) => (first & 0x08) != 0;

    private static int LengthBytes(byte second) => (second & 0x7F) switch
    {
        126 => 2,
        127 => 8,
        _ => 0,
    };

    private static long PayloadLength(ReadOnlySpan<byte> header) => (header[1] & 0x7F) switch
    {
        126 => BinaryPrimitives.ReadUInt16BigEndian(header[2..]),
        127 => BinaryPrimitives.ReadInt64BigEndian(header[2..]),
        var small => small,
    };

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
        Unmask(part, mask);
        mask = uint.RotateRight(mask, count % MaskBytes * 8);
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
    private bool TryReadControl(ref SequenceReader<byte> bytes, byte control, int header, int size, uint key, out ClientMessage? taken)
    {
        taken = null;
        if (bytes.Remaining < header + size)
            return false;
        bytes.Advance(header);
        Span<byte> payload = stackalloc byte[size];
        bytes.TryCopyTo(payload);
        bytes.Advance(size);
        Unmask(payload, key);
        switch (control)
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
        taken = Count(header + size);
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

    private static void Unmask(Span<byte> payload, uint key)
    {
        var wide = ((ulong)key << 32) | key;
        if (!BitConverter.IsLittleEndian)
            wide = BinaryPrimitives.ReverseEndianness(wide);
        var words = MemoryMarshal.Cast<byte, ulong>(payload);
        for (var n = 0; n < words.Length; n++)
            words[n] ^= wide;
        for (var n = words.Length * sizeof(ulong); n < payload.Length; n++)
            payload[n] ^= (byte)(key >> (n % MaskBytes * 8));
    }
}
