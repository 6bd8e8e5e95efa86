using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Tests.Support;

/// <summary>Plain text without a subscription, because that format shows neither the name nor the number of a message.</summary>
internal static class Plain
{
    private static readonly SubscriptionIdentity Anything = new(Name.Channel("anything"));

    public static FrameBatch Encode(FrameBuffer buffer, ReadOnlySpan<Message> messages) => PlainText.Format.Encode(buffer, messages, Anything, 1);
}
