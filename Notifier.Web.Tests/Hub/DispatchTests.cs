using System.Text;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>A failed delivery does not stop later ones.</summary>
public sealed class DispatchTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task A_message_whose_delivery_fails_is_logged_and_the_next_message_is_delivered()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: ["Limits:PayloadBytes=10"]);
        await using var client = await RawWebSocket.SubscribeAsync(app, "dispatch.failure");
        await Redis.WhenChannelIsLiveAsync(app, "dispatch.failure");
        using var listener = app.Meters.ListenerOf("notifier.gaps");
        // .NET calls this listener, which is not Notifier's code, in the thread that delivers.
        listener.SetMeasurementEventCallback<long>(static (_, _, tags, _) =>
        {
            if (tags[0].Value is "too_large")
                throw new InvalidOperationException("a listener that fails");
        });
        listener.Start();

        // Without a wait between them, so that Notifier may read both at once.
        await Redis.PublishAllAsync("dispatch.failure", ["eleven char", "next"]);

        (await client.ReadTextAsync()).Should().Be("next");
        app.Log.Lines.Should().ContainSingle(line => line.Level == LogLevel.Error && line.Text.Contains("a listener that fails"));
    }

    [Fact]
    public async Task Messages_that_arrive_faster_than_they_can_be_sent_are_dropped_as_a_gap_and_delivery_continues()
    {
        const int flood = 150_000;
        using var stuck = new StuckDelivery();
        var transport = new ScriptedTransport
        {
            Takes = length =>
            {
                stuck.WaitOnce();
                return length;
            },
        };
        var audience = new SubscriberGroup([transport]);
        var sending = OwnThread.RunAsync(() => audience.Subscription.DeliverAndBroadcast([Text("first")]));
        await stuck.WhenReachedAsync();

        var due = new List<IBroadcast>();
        for (var n = 0; n < flood / 100; n++)
            audience.Subscription.Deliver(Enumerable.Repeat(Text("flood"), 100).ToArray(), due);
        due.Should().BeEmpty("another thread is sending");
        stuck.End();
        await sending.WaitAsync(Eventually.Limit);
        audience.Subscription.DeliverAndBroadcast([Text("after")]);

        Encoding.Latin1.GetString(transport.Taken).Should().StartWith("\u0081\u0005first").And.EndWith("after");
        // The message being sent, the messages that may wait, the gap, and the last message.
        audience.Subscription.Head.Should().Be(1 + 100_000 + 1 + 1);
    }

    [Fact]
    public async Task Messages_delivered_during_a_broadcast_are_sent_by_the_thread_that_broadcasts()
    {
        using var stuck = new StuckDelivery();
        var transport = new ScriptedTransport
        {
            Takes = length =>
            {
                stuck.WaitOnce();
                return length;
            },
        };
        var audience = new SubscriberGroup([transport]);
        var sending = OwnThread.RunAsync(() => audience.Subscription.DeliverAndBroadcast([Text("1")]));
        await stuck.WhenReachedAsync();

        audience.Subscription.DeliverAndBroadcast([Text("2")]);
        transport.Taken.Should().BeEmpty();
        stuck.End();
        await sending.WaitAsync(Eventually.Limit);

        transport.Taken.Should().Equal(0x81, 1, (byte)'1', 0x81, 1, (byte)'2');
    }

    /// <summary>
    /// Notifier once counted a message that was too large twice if it arrived alone, and did not count a gap among other messages.
    /// </summary>
    [Theory]
    [InlineData("too_large", 0)]
    [InlineData("too_large", 2)]
    [InlineData("redis", 0)]
    [InlineData("redis", 2)]
    public void A_gap_is_counted_once_both_alone_and_among_messages(string code, int others)
    {
        var audience = new SubscriberGroup([new OpenTransport()]);
        var counted = new List<string?>();
        using var listener = audience.Meters.ListenerOf("notifier.gaps");
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) => counted.AddRange(Enumerable.Repeat((string?)tags[0].Value, (int)count)));
        listener.Start();
        var gap = code == "redis" ? Message.GapOf(GapCode.Redis) : Message.Create(null, new byte[new LimitsOptions().PayloadBytes + 1]);

        audience.Subscription.DeliverAndBroadcast([gap, .. Enumerable.Repeat(Text("other"), others)]);

        counted.Should().Equal(code);
    }

    /// <summary>
    /// Once the failed connection was never closed, its request never ended, and the subscribers after it missed the message.
    /// </summary>
    [Theory]
    [InlineData("a broadcast")]
    [InlineData("an action")]
    [InlineData("an action that waited")]
    public async Task A_connection_that_fails_is_aborted_and_the_other_subscribers_receive_the_message(string when)
    {
        var broken = new ScriptedTransport { Takes = static _ => throw new InvalidOperationException("a transport that fails") };
        var (before, after) = (new ScriptedTransport(), new ScriptedTransport());
        var aborts = 0;
        var connection = new Connection(broken, PlainText.Format, () => aborts++, TimeProvider.System, NullLogger.Instance);
        var audience = new SubscriberGroup([before]);
        audience.Join(connection);
        audience.Join(SubscriberGroup.Connect(after));

        if (when == "an action that waited")
            connection.TryAcquire();
        if (when != "a broadcast")
            connection.Post(() => connection.Send([0x81, 0]));
        if (when == "an action that waited")
            connection.Release();
        audience.Subscription.DeliverAndBroadcast([Text("1")]);

        before.Taken.Should().Equal(0x81, 1, (byte)'1');
        after.Taken.Should().Equal(0x81, 1, (byte)'1');
        aborts.Should().BePositive();
        await connection.RetireAsync().WaitAsync(Eventually.Limit);
    }

    [Fact]
    public async Task An_oversized_message_that_begins_like_a_durable_one_is_dropped_as_too_large()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["Limits:PayloadBytes=100", "History:Durable:Channels:0=durable.*"]);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "dispatch.plain");

        await Redis.PublishAsync("dispatch.plain", "notifier/1 epoch=x id=1 prev=0\n" + new string('x', 1000));

        (await client.ReadAsync()).Bare().Should().Be("""{"type":"gap","channel":"dispatch.plain","code":"tooLarge"}""");
    }

    /// <summary>Once only the number of messages waiting for the journal was limited: 100,000 messages of half a megabyte.</summary>
    [Fact]
    public async Task Messages_that_wait_for_the_journal_are_limited_in_bytes()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: ["History:Durable:Channels:0=durable.*"]);
        var subscription = new Subscription(Name.Channel("durable.waits"), app.Services.GetRequiredService<SubscriptionContext>());
        var large = Message.Create(null, new byte[512 * 1024]);

        for (var n = 0; n < 66; n++)
            subscription.DeliverAndBroadcast([large]);     // Redis has not confirmed the name yet
        app.Log.Says("Messages for durable.waits arrive faster").Should().BeTrue();
    }

    private static Message Text(string text) => Message.Create(null, Encoding.UTF8.GetBytes(text));
}
