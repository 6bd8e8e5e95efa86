using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>The header of a frame from a client (RFC 6455, 5.2).</summary>
/// <param name="First">FIN, the reserved bits, and the opcode.</param>
/// <param name="Size">The header's own bytes.</param>
/// <param name="Payload">The payload's bytes; negative if it claims more than 2^63.</param>
/// <param name="Mask">The key of the payload.</param>
internal readonly record struct FrameHeader(byte First, int Size, long Payload, uint Mask)
{
    private const int MaskBytes = 4;

    /// <summary>Two bytes, a length of eight, and the mask.</summary>
    private const int MaxSize = 14;

    /// <summary>The longest payload of a control frame.</summary>
    private const int MaxControl = 125;

    public bool IsFinal => (First & ServerFrame.Final) != 0;

    public byte Opcode => (byte)(First & 0x0F);

    public bool IsControl => IsControlFrame(First);

    /// <summary>Reads the header, if all of it has arrived. Does not advance.</summary>
    /// <param name="bytes">What has arrived.</param>
    /// <param name="isInMessage">Whether a message has begun, and its last frame has not arrived.</param>
    /// <param name="header">The header, if it is complete and valid.</param>
    /// <returns>Done, NeedMoreData, or InvalidData as soon as the first two bytes are not allowed.</returns>
    public static OperationStatus TryPeek(in SequenceReader<byte> bytes, bool isInMessage, out FrameHeader header)
    {
        header = default;
        Span<byte> start = stackalloc byte[MaxSize];
        start = start[..(int)Math.Min(MaxSize, bytes.Remaining)];
        bytes.TryCopyTo(start);
        if (start.Length < 2)
            return OperationStatus.NeedMoreData;
        if (IsInvalid(start[0], start[1], isInMessage))
            return OperationStatus.InvalidData;
        var size = 2 + LengthBytes(start[1]) + MaskBytes;
        if (start.Length < size)
            return OperationStatus.NeedMoreData;
        header = new(start[0], size, PayloadLength(start), BinaryPrimitives.ReadUInt32LittleEndian(start[(size - MaskBytes)..]));
        return OperationStatus.Done;
    }

    /// <summary>The key for what follows after this many bytes of the payload.</summary>
    public static uint MaskAfter(uint mask, int count) => uint.RotateRight(mask, count % MaskBytes * 8);

    public static void Unmask(Span<byte> payload, uint mask)
    {
        var wide = ((ulong)mask << 32) | mask;
        if (!BitConverter.IsLittleEndian)
            wide = BinaryPrimitives.ReverseEndianness(wide);
        var words = MemoryMarshal.Cast<byte, ulong>(payload);
        for (var n = 0; n < words.Length; n++)
            words[n] ^= wide;
        for (var n = words.Length * sizeof(ulong); n < payload.Length; n++)
            payload[n] ^= (byte)(mask >> (n % MaskBytes * 8));
    }

    /// <summary>Whether the RFC forbids a frame with these first two bytes: reserved bits and opcodes, no mask, long or fragmented control frames.</summary>
    private static bool IsInvalid(byte first, byte second, bool isInMessage)
    {
        if ((first & 0x70) != 0 || (second & 0x80) == 0)
            return true;
        if (IsControlFrame(first))
            return (first & ServerFrame.Final) == 0 || (second & 0x7F) > MaxControl || (first & 0x0F) > ServerFrame.Pong;
        return (first & 0x0F) switch
        {
            ServerFrame.Continuation => !isInMessage,
            ServerFrame.Text or ServerFrame.Binary => isInMessage,
            _ => true,
        };
    }

    private static bool IsControlFrame(byte first) => (first & 0x08) != 0;

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
}
