using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Tests.Support;

/// <summary>Plain text without a subscription: there neither the name nor the number of a message is to be seen.</summary>
internal static class Plain
{
    private static readonly SubscriptionIdentity Anything = new(Name.Channel("anything"));

    public static FrameBatch Encode(FrameBuffer buffer, ReadOnlySpan<Message> messages) => PlainText.Format.Encode(buffer, messages, Anything, 1);
}
