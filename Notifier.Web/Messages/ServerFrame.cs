using System.Buffers.Binary;

namespace Notifier.Messages;

/// <summary>
/// WebSocket frames as a server sends them (RFC 6455, 5.2): never masked, so the same bytes serve every socket; never
/// fragmented, so one frame is one message.
/// </summary>
internal static class ServerFrame
{
    public const byte Final = 0x80;
    public const byte Continuation = 0x0;
    public const byte Text = 0x1;
    public const byte Binary = 0x2;
    public const byte Close = 0x8;
    public const byte Ping = 0x9;
    public const byte Pong = 0xA;

    /// <summary>The longest header of an unmasked frame.</summary>
    public const int MaxHeader = 10;

    /// <summary>The longest control frame, header included (RFC 6455, 5.5).</summary>
    public const int MaxControl = 2 + 125;

    private const byte OpcodeBits = 0x0F;

    public static byte Opcode(ReadOnlySpan<byte> frame) => (byte)(frame[0] & OpcodeBits);

    public static int HeaderLength(int payload) => payload < 126 ? 2 : payload <= ushort.MaxValue ? 4 : MaxHeader;

    /// <summary>Writes the header of a final frame and returns its length.</summary>
    public static int WriteHeader(Span<byte> into, byte opcode, int payload)
    {
        into[0] = (byte)(Final | opcode);
        var length = HeaderLength(payload);
        switch (length)
        {
            case 2:
                into[1] = (byte)payload;
                break;
            case 4:
                into[1] = 126;
                BinaryPrimitives.WriteUInt16BigEndian(into[2..], (ushort)payload);
                break;
            default:
                into[1] = 127;
                BinaryPrimitives.WriteUInt64BigEndian(into[2..], (ulong)payload);
                break;
        }
        return length;
    }

    /// <summary>The length of the frame that begins here, its header included.</summary>
    public static int Length(ReadOnlySpan<byte> frame) => (frame[1] & 0x7F) switch
    {
        126 => 4 + BinaryPrimitives.ReadUInt16BigEndian(frame[2..]),
        127 => checked(MaxHeader + (int)BinaryPrimitives.ReadUInt64BigEndian(frame[2..])),
        var small => 2 + small,
    };
}
