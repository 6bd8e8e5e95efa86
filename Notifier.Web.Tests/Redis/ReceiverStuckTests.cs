using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>A stuck delivery or broadcast delays its own name only: the receiver reads on, and delivers other names.</summary>
public sealed class ReceiverStuckTests : RedisReceiverTest
{
    [Fact]
    public async Task A_stuck_broadcast_delays_only_its_own_name()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Broadcasting = _ => stuck.WaitOnce();

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("b", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        connection.Send(Resp.Message("a", "2"), Resp.Message("b", "2"), Pong, Resp.Message("a", "3"));
        await connection.WhenReadAsync();
        connection.Send(Resp.Message("b", "3"), Resp.Message("a", "4"));
        await connection.WhenReadAsync();

        b.Received.Should().Equal("1", "2", "3");
        a.Received.Should().BeEmpty("its delivery is stuck");
        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Confirm("b"), Pong));
        stuck.End();
        await Eventually.IsAsync(() => a.Received.Count == 4, "the waiting messages are broadcast");
        connection.Send(Resp.Message("a", "5"), Resp.Message("b", "4"));
        (await connection.EndAsync()).Should().BeNull();
        PassTime();

        a.Received.Should().Equal("1", "2", "3", "4", "5");
        b.Received.Should().Equal("1", "2", "3", "4");
        NoSinkWasUsedByTwoThreads(a, b);
        connection.Errors.Should().BeEmpty();
        Log.Lines.Should().ContainSingle().Which.Level.Should().Be(LogLevel.Critical);
    }

    [Fact]
    public async Task A_stuck_delivery_lets_another_thread_deliver_other_names()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Delivered = stuck.WaitOnce;

        connection.Send(Confirm("a"), Confirm("b"), Pong, Resp.Message("a", "1"), Resp.Message("b", "1"), Pong);
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        connection.Send(Resp.Message("b", "2"), Pong, Resp.Message("b", "3"));
        await connection.WhenReadAsync();

        b.Received.Should().Equal("1", "2", "3");
        a.Received.Should().BeEmpty("its delivery is stuck");
        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Confirm("b"), Pong, Pong, Pong));
        stuck.End();
        await Eventually.IsAsync(() => !a.Received.IsEmpty, "the stuck one is broadcast in the end");
        connection.Send(Resp.Message("a", "2"), Resp.Message("b", "4"));
        (await connection.EndAsync()).Should().BeNull();

        a.Received.Should().Equal("1", "2");
        b.Received.Should().Equal("1", "2", "3", "4");
        NoSinkWasUsedByTwoThreads(a, b);
        connection.Errors.Should().BeEmpty();
        Log.Lines.Should().ContainSingle().Which.Level.Should().Be(LogLevel.Critical);
    }

    /// <summary>The failed gap did not release the lock of the name, and the receiver skipped all later messages of that name.</summary>
    [Fact]
    public async Task A_gap_that_fails_after_a_stuck_delivery_does_not_stop_the_name()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        var gaps = 0;
        a.Delivered = stuck.WaitOnce;
        a.NotingGap = () =>
        {
            if (gaps++ == 0)
                throw new InvalidOperationException("a gap that fails");
        };

        connection.Send(Confirm("a"), Resp.Message("a", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        connection.Send(Resp.Message("a", "skipped"));
        await connection.WhenReadAsync();
        stuck.End();
        await Eventually.IsAsync(() => a.Received.Contains("1"), "the stuck one is broadcast in the end");
        connection.Send(Resp.Message("a", "2"));
        (await connection.EndAsync()).Should().BeNull();

        a.Received.Should().Equal("1", "(Internal)", "2");
        Log.Lines.Should().ContainSingle(line => line.Text.Contains("a gap that fails"));
    }

    [Fact]
    public async Task A_delivery_that_gets_stuck_in_the_middle_of_a_broadcast_delays_only_those_two_names()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var c = Attach(Name.Channel("c"));
        var connection = Connect();
        a.Broadcasting = sink =>
        {
            if (stuck.IsReached)
                return;
            connection.Send(Resp.Message("b", "1"), Resp.Message("c", "2"));
            sink.Sent!(256);
            sink.Sent!(256);
        };
        b.Delivered = stuck.WaitOnce;

        connection.Send(Confirm("a"), Confirm("b"), Confirm("c"), Resp.Message("a", "1"), Resp.Message("c", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        connection.Send(Resp.Message("a", "2"), Resp.Message("c", "3"));
        await connection.WhenReadAsync();

        c.Received.Should().Equal("1", "2", "3");
        a.Received.Should().BeEmpty();
        b.Received.Should().BeEmpty();
        stuck.End();
        await Eventually.IsAsync(() => a.Received.Count == 2 && b.Received.Count == 1, "the stuck ones are broadcast in the end");
        connection.Send(Resp.Message("a", "3"), Resp.Message("b", "2"));
        (await connection.EndAsync()).Should().BeNull();

        a.Received.Should().Equal("1", "2", "3");
        b.Received.Should().Equal("1", "2");
        NoSinkWasUsedByTwoThreads(a, b, c);
        connection.Errors.Should().BeEmpty();
        Log.Lines.Should().ContainSingle().Which.Level.Should().Be(LogLevel.Critical);
    }

    [Fact]
    public async Task A_broadcast_that_is_stuck_when_the_connection_ends_does_not_delay_the_close()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Broadcasting = _ => stuck.WaitOnce();

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("b", "1"), Resp.Text("nonsense\r\n"));
        await stuck.WhenReachedAsync();
        PassTime();
        (await connection.WhenClosedAsync()).Should().BeOfType<InvalidDataException>();

        b.Received.Should().Equal("1");
        stuck.End();
        await Eventually.IsAsync(() => !a.Received.IsEmpty, "the stuck one is broadcast in the end");
        connection.Errors.Should().BeEmpty("the connection is closed once");
    }

    [Fact]
    public async Task Fifteen_stuck_names_do_not_delay_another_name()
    {
        const int count = 15;
        using var stuck = new StuckDelivery();
        var stuckNames = Enumerable.Range(0, count).Select(n => Attach(Name.Channel($"stuck.{n}"))).ToArray();
        var news = Attach(Name.Channel("news"));
        var connection = Connect();
        connection.Send([Confirm("news"), .. stuckNames.Select(static sink => Confirm(sink.Name.Text))]);
        for (var n = 0; n < count; n++)
        {
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            stuckNames[n].Broadcasting = _ =>
            {
                reached.TrySetResult();
                stuck.Wait();
            };
            connection.Send(Resp.Message($"stuck.{n}", "1"), Resp.Message("news", $"{n}"));
            await reached.Task.WaitAsync(Eventually.Limit);
            PassTime();
            await connection.WhenReadAsync();
        }

        news.Received.Should().Equal(Enumerable.Range(0, count).Select(static n => $"{n}"));
        stuck.End();
        (await connection.EndAsync()).Should().BeNull();
        await Eventually.IsAsync(() => stuckNames.All(static sink => sink.Received.Count == 1), "the stuck ones are broadcast in the end");
        NoSinkWasUsedByTwoThreads([.. stuckNames, news]);
        connection.Errors.Should().BeEmpty();
        Log.Lines.Should().HaveCount(count).And.OnlyContain(static line => line.Level == LogLevel.Critical);
    }
}
