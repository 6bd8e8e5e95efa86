using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>
/// The first subscriber of a name. Notifier once subscribed to the name in Redis before it set the subscriber's position in the log. Redis
/// counted a message published in between as received, but no client received it. This happened in the first moments of a busy process,
/// when each step is slow.
/// </summary>
public sealed class FirstSubscriberTests
{
    [Fact]
    public async Task A_first_subscriber_receives_a_message_published_as_soon_as_redis_has_the_subscription()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        var transport = new ScriptedTransport();
        // Delays the thread that subscribes, before it sets the position, until a message has arrived. Does not delay it if no message can
        // arrive yet.
        var format = new SlowFormat(() =>
        {
            if (app.Hub.CountSubscribers(Name.Channel("first")) > 0)
                SpinWait.SpinUntil(() => app.Hub.LogBytes > 0, Eventually.Limit);
        });
        var connection = Connect(transport, format);

        var publishing = Eventually.IsAsync(async () => await redis.PublishAsync("first", "hello") == 1, "the name is subscribed");
        app.Hub.TrySubscribe(connection, Name.Channel("first"), static _ => false, static (_, _) => { }, default, out var subscribed, out _).Should().BeTrue();
        await publishing;

        await Eventually.IsAsync(() => Encoding.UTF8.GetString(transport.Taken).Contains("hello", StringComparison.Ordinal), "the subscriber receives what Redis delivered");
        connection.Post(() => app.Hub.Unsubscribe(subscribed.Subscriber));
    }

    /// <summary>
    /// Another client has subscribed to the name. Notifier once counted the new subscriber before it set the subscriber's position. A test
    /// that waited for the count and then published lost the message, once in hundreds of runs.
    /// </summary>
    [Fact]
    public async Task A_second_subscriber_receives_a_message_published_as_soon_as_its_reference_counts()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        var (name, first, second) = (Name.Channel("second"), new ScriptedTransport(), new ScriptedTransport());
        app.Hub.TrySubscribe(Connect(first, PlainText.Format), name, static _ => false, static (_, _) => { }, default, out _, out _).Should().BeTrue();
        await Eventually.IsAsync(async () => await redis.SubscribersAsync("second") == 1, "the name is subscribed");
        var format = new SlowFormat(() =>
        {
            if (app.Hub.CountSubscribers(name) > 1)
                SpinWait.SpinUntil(() => first.Taken.Length > 0, Eventually.Limit);
        });

        var publishing = Task.Run(async () =>
        {
            await Eventually.IsAsync(() => app.Hub.CountSubscribers(name) == 2, "the second subscriber counts");
            await redis.PublishAsync("second", "hello");
        });
        app.Hub.TrySubscribe(Connect(second, format), name, static _ => false, static (_, _) => { }, default, out _, out _).Should().BeTrue();
        await publishing;

        await Eventually.IsAsync(() => Encoding.UTF8.GetString(second.Taken).Contains("hello", StringComparison.Ordinal), "the second subscriber has received the message");
    }

    private static Connection Connect(ScriptedTransport transport, WireFormat format) =>
        new(transport, format, static () => { }, TimeProvider.System, NullLogger.Instance);

    /// <summary>Plain text with a delay when Notifier asks whether the format confirms subscriptions.</summary>
    private sealed class SlowFormat(Action waiting) : WireFormat
    {
        public override bool Confirms
        {
            get
            {
                waiting();
                return false;
            }
        }

        public override byte[] KeepAlive => PlainText.Format.KeepAlive;

        public override byte[] Close(CloseReason reason) => reason.ToFrame();

        public override int FrameLength(ReadOnlySpan<byte> frames) => ServerFrame.Length(frames);

        protected override void WriteFrame(FrameBuffer into, in Message message, SubscriptionIdentity source, Position position)
        {
            ServerFrame.WriteHeader(into.Append(ServerFrame.HeaderLength(message.Payload.Length)), ServerFrame.Text, message.Payload.Length);
            into.Append(message.Payload.Span);
        }

        protected override FrameBatch EncodeLarge(FrameBuffer buffer, in Message message, SubscriptionIdentity source, Position position) =>
            throw new NotSupportedException("There is no large one.");
    }
}
