using Notifier.Messages;

namespace Notifier.Bench;

/// <summary>Messages as they arrive from Redis: each has its own array, which the log keeps and all subscribers share.</summary>
internal static class Payloads
{
    public const int Bytes = 128;

    /// <summary>The size of a frame with such a payload on the wire.</summary>
    public static int FrameBytes => ServerFrame.HeaderLength(Bytes) + Bytes;

    public static Message[] Receive(Message[] into)
    {
        for (var i = 0; i < into.Length; i++)
            into[i] = Message.Create(null, new byte[Bytes]);
        return into;
    }
}
