using System.Text;
using FluentAssertions;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Redis.Receiver;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>Bugs that were found and fixed.</summary>
public sealed class ReceiverRegressionTests : RedisReceiverTest
{
    [Fact]
    public async Task Replies_after_the_last_message_of_a_read_reach_the_library_although_its_delivery_is_stuck()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        a.Delivered = stuck.WaitOnce;

        connection.Send(Confirm("a"), Resp.Message("a", "1"), Pong);
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        stuck.End();
        await connection.EndAsync();

        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Pong));
    }

    [Fact]
    public async Task Replies_before_a_confirmation_reach_the_library_although_an_earlier_delivery_is_stuck()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        Attach(Name.Channel("b"));
        var connection = Connect();
        a.Delivered = stuck.WaitOnce;

        connection.Send(Confirm("a"), Resp.Message("a", "1"), Pong, Confirm("b"));
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        stuck.End();
        await connection.EndAsync();

        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Pong, Confirm("b")));
    }

    [Fact]
    public async Task Replies_before_a_confirmation_reach_the_library_although_its_gap_is_stuck()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        a.NotingGap = stuck.WaitOnce;

        connection.Send(Confirm("a"), Resp.Confirmation("unsubscribe", "a"), Pong, Confirm("a"), Resp.Message("a", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        stuck.End();
        await connection.EndAsync();

        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Resp.Confirmation("unsubscribe", "a"), Pong, Confirm("a")));
    }

    [Fact]
    public async Task Messages_after_a_stuck_gap_are_skipped_and_become_a_gap()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        a.NotingGap = stuck.WaitOnce;

        connection.Send(Confirm("a"), Resp.Confirmation("unsubscribe", "a"), Confirm("a"), Resp.Message("a", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        stuck.End();
        await connection.EndAsync();
        await Eventually.IsAsync(() => a.Received.Count == 2, "every message is broadcast");

        a.Received.Should().Equal("(Redis)", "(Internal)");
    }

    [Fact]
    public async Task Messages_of_a_name_whose_delivery_is_stuck_are_skipped_and_become_a_gap()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        a.Delivering = (_, _) => stuck.WaitOnce();

        connection.Send(Confirm("a"), Resp.Message("a", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        connection.Send(Resp.Message("a", "2"));
        await connection.WhenReadAsync();
        stuck.End();
        await Eventually.IsAsync(() => a.Received.Count == 2, "every message is broadcast");
        await connection.EndAsync();

        a.Received.Should().Equal("1", "(Internal)");
        NoSinkWasUsedByTwoThreads(a);
    }

    [Fact]
    public async Task A_name_whose_delivery_stays_stuck_does_not_stop_the_delivery_of_other_names()
    {
        using var goOn = new ManualResetEventSlim();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        var entered = 0;
        a.Delivering = (_, _) =>
        {
            Interlocked.Increment(ref entered);
            goOn.Wait(TimeSpan.FromSeconds(8));     // like a lock that the first thread owns
        };
        connection.Send(Confirm("a"), Confirm("b"));
        try
        {
            for (var n = 1; n <= 20; n++)
            {
                connection.Send(Resp.Message("a", $"{n}"), Resp.Message("b", $"{n}"));
                PassTime();
                await Eventually.IsAsync(
                    () =>
                    {
                        PassTime();
                        return b.Received.Count == n;
                    },
                    $"b gets {n}", TimeSpan.FromSeconds(3));
            }
        }
        finally
        {
            Calls.Enqueue($"{entered} threads");
            goOn.Set();
        }
    }

    [Fact]
    public async Task Messages_of_the_first_connection_are_delivered_before_the_gap_of_the_second()
    {
        var name = new SubscribedName(Resp.Text("a"), isPattern: false);
        Names.Add(name);
        var a = new RecordingSink(Name.Channel("a"), Calls);
        name.Attach(a);
        var first = Connect();
        var second = Connect();
        first.Passing = frames =>
        {
            // The second connection takes over while the first is about to read "3".
            if (!frames.AsSpan().SequenceEqual(Pong))
                return;
            first.Token.End();
            second.Send(Confirm("a"), Resp.Message("a", "2"));
            second.WhenReadAsync().Wait(Eventually.Limit);
        };

        first.Send(Confirm("a"), Resp.Message("a", "1"), Pong, Resp.Message("a", "3"));
        await first.EndAsync();
        await second.EndAsync();

        a.Received.Should().Equal("1", "(Redis)", "2");
    }

    [Fact]
    public async Task A_broadcast_that_fails_after_another_thread_took_over_does_not_read()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Broadcasting = _ =>
        {
            if (stuck.IsReached)
                return;
            stuck.WaitOnce();
            throw new InvalidOperationException("it failed in the end");
        };

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("b", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        stuck.End();
        await connection.WhenReadAsync();
        connection.Send(Resp.Message("b", "2"));
        await connection.WhenReadAsync();

        connection.Token.IsAlive.Should().BeTrue();
        await connection.EndAsync();
        connection.Errors.Should().BeEmpty();
    }

    [Fact]
    public async Task Messages_before_and_after_a_reply_that_makes_the_library_fail_are_delivered()
    {
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        connection.Passing = frames =>
        {
            if (frames.AsSpan().SequenceEqual(Pong))
                throw new InvalidOperationException("a mistake of the library's");
        };

        connection.Send(Confirm("a"));
        connection.Send(Resp.Message("a", "1"), Pong, Resp.Message("a", "2"));
        await connection.WhenClosedAsync();

        a.Received.Should().Equal("1", "2");
    }

    [Fact]
    public async Task A_metrics_listener_that_fails_does_not_end_the_connection_or_stop_the_name()
    {
        var failures = 0;
        var transport = new ScriptedTransport();
        var audience = new SubscriberGroup([transport]);
        using var listener = audience.Meters.ListenerOf("notifier.pass.duration");
        listener.SetMeasurementEventCallback<double>((_, _, _, _) =>
        {
            if (Interlocked.Increment(ref failures) == 1)
                throw new InvalidOperationException("a listener that fails");
        });
        listener.Start();
        Attach(audience.Subscription, "news");
        var connection = Connect();

        connection.Send(Confirm("news"), Resp.Message("news", "1"));
        await Eventually.IsAsync(() => failures > 0, "the listener has failed");
        connection.Send(Resp.Message("news", "2"));
        var closed = await connection.EndAsync();
        audience.Subscription.DeliverAndBroadcast([Message.Create(null, Resp.Text("3"))]);

        (closed, Encoding.Latin1.GetString(transport.Taken)).Should().Be((null, "\u0081\u00011\u0081\u00012\u0081\u00013"));
    }
}
