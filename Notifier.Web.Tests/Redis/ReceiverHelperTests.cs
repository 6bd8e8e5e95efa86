using FluentAssertions;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>Helper threads broadcast beside the reading thread.</summary>
public sealed class ReceiverHelperTests : RedisReceiverTest
{
    [Fact]
    public async Task Helper_threads_broadcast_beside_the_reader_and_only_one_thread_at_a_time_broadcasts_a_name()
    {
        const int count = 64;
        Helpers = new DeliveryHelpers(4);
        var wasHelped = false;
        var goOn = new TaskCompletionSource();      // not an event, which the last helper could use after the test has disposed it
        var sinks = Enumerable.Range(0, count).Select(n => Attach(Name.Channel($"name.{n}"))).ToArray();
        foreach (var sink in sinks)
        {
            sink.MaxAtOnce = 2;
            sink.Broadcasting = broadcasting =>
            {
                // The reading thread waits once, until a helper takes part.
                if (broadcasting.Sent is not null)
                    goOn.Task.Wait(Eventually.Limit);
                else
                    wasHelped = true;
                goOn.TrySetResult();
                Thread.Yield();
            };
        }
        var connection = Connect();
        var random = new Random(1);
        var expected = sinks.ToDictionary(static sink => sink, static _ => new List<string>());
        var stream = new List<byte[]>();
        for (var n = 0; n < 20_000; n++)
        {
            var sink = sinks[random.Next(count)];
            expected[sink].Add($"{n}");
            stream.Add(Resp.Message(sink.Name.Text, $"{n}"));
        }

        connection.Send([.. sinks.Select(static sink => Confirm(sink.Name.Text))]);
        connection.SendInChunks(Resp.Join([.. stream]), () => random.Next(1, 10_000));
        (await connection.EndAsync()).Should().BeNull();
        await Eventually.IsAsync(() => sinks.All(sink => sink.Received.Count >= expected[sink].Count), "every message is broadcast");

        wasHelped.Should().BeTrue();
        sinks.Should().AllSatisfy(sink => sink.Received.Should().Equal(expected[sink]));
        NoSinkWasUsedByTwoThreads(sinks);
        connection.Errors.Should().BeEmpty();
        Log.Lines.Should().BeEmpty();
    }
}
