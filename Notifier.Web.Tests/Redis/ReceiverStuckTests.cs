using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Names;
using Notifier.Redis.Receiver;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>A delivery that is stuck does not make the node deaf.</summary>
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
        a.Received.Should().BeEmpty("it is stuck");
        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Confirm("b"), Pong));
        stuck.End();
        await Eventually.IsAsync(() => a.Received.Count == 4, "what has accumulated is broadcast");
        connection.Send(Resp.Message("a", "5"), Resp.Message("b", "4"));
        (await connection.EndAsync()).Should().BeNull();
        PassTime();

        a.Received.Should().Equal("1", "2", "3", "4", "5");
        b.Received.Should().Equal("1", "2", "3", "4");
        NoSinkWasUsedByTwoThreads(a, b);
        connection.Errors.Should().BeEmpty();
        Log.Lines.Should().ContainSingle().Which.Level.Should().Be(LogLevel.Critical);
    }

    /// <summary>With real time: two to three seconds. The other thread reads before the line is logged.</summary>
    [Fact]
    public async Task A_delivery_without_progress_for_two_seconds_is_stuck_and_another_thread_takes_over()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect(TimeProvider.System);
        a.Broadcasting = _ => stuck.WaitOnce();

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("b", "1"));
        await Eventually.IsAsync(() => b.Received.Count == 1, "another thread goes on", TimeSpan.FromSeconds(5));
        stuck.End();
        connection.Send(Resp.Message("a", "2"));
        await connection.EndAsync();
        await Eventually.IsAsync(() => a.Received.Count == 2, "the stuck one is broadcast in the end");

        a.Received.Should().Equal("1", "2");
        b.Received.Should().Equal("1");
        await Eventually.IsAsync(() => Log.Lines.Count > 0, "the log says so");
        Log.Lines.Should().ContainSingle().Which.Level.Should().Be(LogLevel.Critical);
    }

    [Fact]
    public async Task A_delivery_is_not_stuck_while_it_sends()
    {
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        a.Broadcasting = sink =>
        {
            for (var n = 0; n < 20; n++)
            {
                Time.Advance(RedisReceiver.StuckAfter / 2);
                sink.Sent!(1);
            }
        };

        connection.Send(Confirm("a"), Resp.Message("a", "1"));
        (await connection.EndAsync()).Should().BeNull();

        a.Received.Should().Equal("1");
        Log.Lines.Should().BeEmpty();
    }

    [Fact]
    public async Task A_receiver_that_waits_for_bytes_is_not_stuck()
    {
        var a = Attach(Name.Channel("a"));
        var connection = Connect();

        connection.Send(Confirm("a"), Resp.Message("a", "1"));
        await connection.WhenReadAsync();
        PassTime();
        PassTime();
        connection.Send(Resp.Message("a", "2"));
        await connection.EndAsync();

        a.Received.Should().Equal("1", "2");
        Log.Lines.Should().BeEmpty();
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
        a.Received.Should().BeEmpty("it is stuck");
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

    /// <summary>The lock of the name stayed taken, and everything that came for it later was skipped.</summary>
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

    /// <summary>A log without a reader blocks its writers. The watchdog wrote to the log before it started the relieving thread.</summary>
    [Fact]
    public async Task A_log_that_blocks_does_not_keep_another_thread_from_reading()
    {
        using var stuck = new StuckDelivery();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Broadcasting = _ => stuck.WaitOnce();
        Log.Logged = _ => stuck.Wait();

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"));
        await stuck.WhenReachedAsync();
        var watching = Task.Run(PassTime);
        connection.Send(Resp.Message("b", "1"));

        await Eventually.IsAsync(() => b.Received.Count == 1, "another thread goes on");
        watching.IsCompleted.Should().BeFalse("it logs");
        stuck.End();
        await watching.WaitAsync(Eventually.Limit);
        (await connection.EndAsync()).Should().BeNull();
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
        connection.Errors.Should().BeEmpty("it is closed once");
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

    /// <summary>Each broadcast that is relieved runs on beside the thread that took over.</summary>
    [Fact]
    public async Task Messages_are_delivered_once_and_in_order_however_often_another_thread_takes_over()
    {
        for (var seed = 200; seed < 215; seed++)
        {
            var traffic = new RespTraffic(seed);
            using var test = new ReceiverStuckTests();
            var sinks = traffic.Names.ToDictionary(static name => name, name => test.Attach(name));
            var connection = test.Connect();
            var random = new Random(seed);
            foreach (var sink in sinks.Values)
            {
                sink.MaxAtOnce = 3;
                var own = new Random(random.Next());
                sink.Broadcasting = broadcasting =>
                {
                    if (own.Next(2) == 0)
                        broadcasting.Sent?.Invoke(256);
                    // Whatever is being delivered is this, unless the thread was relieved already.
                    if (broadcasting.Sent is not null && own.Next(3) == 0)
                    {
                        test.PassTime();
                        Thread.Yield();
                    }
                    if (own.Next(2) == 0)
                        broadcasting.Sent?.Invoke(256);
                };
            }

            connection.SendInChunks(traffic.Bytes, () => random.Next(1, 500));
            (await connection.EndAsync()).Should().BeNull();
            await Eventually.IsAsync(() => sinks.All(pair => pair.Value.Received.Count >= traffic.ForSinks[pair.Key].Count), $"everything is broadcast (seed {seed})");

            foreach (var (name, sink) in sinks)
                sink.Received.Should().Equal(traffic.ForSinks[name], $"{name} gets its messages (seed {seed})");
            connection.Passed.AsSpan().SequenceEqual(traffic.ForLibrary).Should().BeTrue($"the library gets its bytes (seed {seed})");
            NoSinkWasUsedByTwoThreads([.. sinks.Values]);
            connection.Errors.Should().BeEmpty();
            test.Log.Lines.Should().NotBeEmpty().And.OnlyContain(static line => line.Level == LogLevel.Critical);
        }
    }
}
