using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Names;
using Notifier.Redis.Receiver;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>When the receiver's watchdog finds a delivery stuck, and how another thread takes over.</summary>
public sealed class ReceiverWatchdogTests : RedisReceiverTest
{
    /// <summary>In real time, 1 to 1.5 s. The other thread reads before the watchdog logs.</summary>
    [Fact]
    public async Task A_delivery_without_progress_for_one_second_is_stuck_and_another_thread_takes_over()
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

    /// <summary>A log without a reader blocks its writers. The watchdog wrote to the log before it started the thread that takes over.</summary>
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
        var watching = OwnThread.RunAsync(PassTime);
        connection.Send(Resp.Message("b", "1"));

        await Eventually.IsAsync(() => b.Received.Count == 1, "another thread goes on");
        watching.IsCompleted.Should().BeFalse("the watchdog waits for the log");
        stuck.End();
        await watching.WaitAsync(Eventually.Limit);
        (await connection.EndAsync()).Should().BeNull();
    }

    /// <summary>A stuck broadcast continues beside the thread that took over.</summary>
    [Fact]
    public async Task Messages_are_delivered_once_and_in_order_however_often_another_thread_takes_over()
    {
        for (var seed = 200; seed < 215; seed++)
        {
            var traffic = new RespTraffic(seed);
            using var test = new ReceiverWatchdogTests();
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
                    // The stuck delivery is this one, unless another thread took over already.
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
