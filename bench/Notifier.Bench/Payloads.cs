using Notifier.Messages;

namespace Notifier.Bench;

/// <summary>Messages as they come from Redis: each with an array of its own, which its log keeps and everyone shares.</summary>
internal static class Payloads
{
    public const int Bytes = 128;

    /// <summary>A frame with such a payload on the wire.</summary>
    public static int FrameBytes => ServerFrame.HeaderLength(Bytes) + Bytes;

    public static Message[] Receive(Message[] into)
    {
        for (var i = 0; i < into.Length; i++)
            into[i] = Message.Create(null, new byte[Bytes]);
        return into;
    }
}
