using FluentAssertions;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>The receiver first appends all messages that it has read, and then broadcasts them.</summary>
public sealed class ReceiverOrderTests : RedisReceiverTest
{
    [Fact]
    public async Task All_messages_of_a_read_are_appended_before_any_of_them_is_broadcast()
    {
        Attach(Name.Channel("a"));
        Attach(Name.Channel("b"));
        Attach(Name.Pattern("*"));
        var connection = Connect();
        connection.Send(Confirm("a"), Confirm("b"), Resp.Confirmation("psubscribe", "*"));

        connection.Send(
            Resp.Message("a", "1"), Resp.PatternMessage("*", "a", "1"), Resp.Message("b", "1"), Pong, Resp.Message("a", "2"), Resp.Message("a", "3"), Resp.Message("b", "2"));
        connection.Send(Resp.Message("b", "3"), Resp.Message("a", "4"));
        await connection.EndAsync();

        Calls.Should().Equal(
            "deliver a 1", "deliver * a=1", "deliver b 1", "deliver a 2 3", "deliver b 2",
            "broadcast a 1 2 3", "broadcast * a=1", "broadcast b 1 2",
            "deliver b 3", "deliver a 4",
            "broadcast b 3", "broadcast a 4");
    }

    [Fact]
    public async Task Consecutive_messages_of_a_name_are_delivered_together()
    {
        Attach(Name.Channel("news"));
        var connection = Connect();
        connection.Send(Confirm("news"));

        connection.Send([.. Enumerable.Range(1, 300).Select(static n => Resp.Message("news", $"{n}"))]);
        await connection.EndAsync();

        // The receiver delivers at most 256 messages together.
        Calls.Should().Equal(
            $"deliver news {Numbers(1, 256)}", $"deliver news {Numbers(257, 44)}", $"broadcast news {Numbers(1, 300)}");

        static string Numbers(int first, int count) => string.Join(' ', Enumerable.Range(first, count));
    }

    [Fact]
    public async Task Messages_that_a_broadcast_leaves_are_broadcast_after_the_next_read()
    {
        var a = Attach(Name.Channel("a"));
        Attach(Name.Channel("b"));
        var connection = Connect();
        a.MaxAtOnce = 1;
        a.Broadcasting = sink =>
        {
            if (sink.Received.IsEmpty)
                connection.Send(Resp.Message("b", "1"));
        };

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("a", "2"), Resp.Message("a", "3"));
        await connection.WhenReadAsync();
        await connection.EndAsync();

        Calls.Should().Equal("deliver a 1 2 3", "broadcast a 1", "deliver b 1", "broadcast a 2", "broadcast b 1", "broadcast a 3");
    }

    [Fact]
    public async Task Messages_of_a_full_name_are_dropped_and_counted_before_those_that_follow()
    {
        var a = Attach(Name.Channel("a"));
        Attach(Name.Channel("b"));
        var connection = Connect();
        connection.Send(Confirm("a"), Confirm("b"));
        await connection.WhenReadAsync();
        var asked = 0;
        a.Full = () => ++asked is <= 4 or 6;    // not asked between messages that are delivered together

        connection.Send(
            Resp.Message("a", "1"), Resp.Message("a", "2"), Resp.Message("b", "1"), Resp.Message("a", "3"), Resp.Message("a", "4"), Resp.Message("a", "5"),
            Resp.Message("a", "6"), Resp.Message("b", "2"));
        await connection.WhenReadAsync();
        asked = 0;
        connection.Send(Resp.Message("a", "7"), Resp.Message("a", "8"));
        connection.Send(Resp.Message("a", "9"), Confirm("a"), Resp.Message("a", "10"));
        await connection.EndAsync();

        Calls.Where(static call => !call.StartsWith("broadcast", StringComparison.Ordinal)).Should().Equal(
            "drop a 2", "deliver b 1", "drop a 2", "deliver a 5 6", "deliver b 2", "drop a 2", "drop a 1", "drop a 1");
        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Confirm("b"), Confirm("a")), "the library does not receive dropped messages");
    }
}
