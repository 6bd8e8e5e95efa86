using FluentAssertions;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>The receiver keeps reading during a broadcast, and pauses after a long one.</summary>
public sealed class ReceiverPollTests : RedisReceiverTest
{
    [Fact]
    public async Task Messages_received_during_a_large_broadcast_are_delivered_before_it_ends()
    {
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        var passed = Array.Empty<byte>();
        a.Broadcasting = sink =>
        {
            if (!sink.Received.IsEmpty)
                return;
            connection.Send(Pong, Resp.Message("b", "1"), Resp.Message("a", "2"));
            sink.Sent!(255);
            Calls.Enqueue("255 subscribers");
            sink.Sent!(1);
            Calls.Enqueue("256 subscribers");
            connection.Send(Resp.Message("b", "2"));
            sink.Sent!(300);
            passed = connection.Passed;
        };

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"));
        await connection.WhenReadAsync();
        await connection.EndAsync();

        Calls.Should().Equal(
            "deliver a 1", "255 subscribers", "deliver b 1", "deliver a 2", "256 subscribers", "deliver b 2", "broadcast a 1", "broadcast b 1 2", "broadcast a 2");
        passed.Should().Equal(Resp.Join(Confirm("a"), Confirm("b"), Pong));
        b.Received.Should().Equal("1", "2");
        NoSinkWasUsedByTwoThreads(a, b);
    }

    [Fact]
    public async Task All_messages_received_during_a_broadcast_are_read_at_once()
    {
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        var delivered = 0;
        a.Broadcasting = sink =>
        {
            connection.Send([.. Enumerable.Range(0, 1_000).Select(static _ => Resp.Message("b", new string('x', 1_000)))]);
            sink.Sent!(256);
            delivered = b.DeliveredCount;
        };

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"));
        await connection.WhenReadAsync();
        await connection.EndAsync();

        delivered.Should().Be(1_000);
        b.Received.Should().HaveCount(1_000);
    }

    [Fact]
    public async Task Invalid_resp_read_during_a_broadcast_does_not_end_the_broadcast()
    {
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Broadcasting = sink =>
        {
            connection.Send(Resp.Message("b", "1"), Resp.Text("nonsense\r\n"));
            sink.Sent!(256);
            connection.Send(Resp.Message("b", "never read"));
            sink.Sent!(256);
        };

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"));
        (await connection.WhenClosedAsync()).Should().BeOfType<InvalidDataException>();

        a.Received.Should().Equal("1");
        b.Received.Should().Equal("1");
    }

    [Fact]
    public async Task The_receiver_waits_after_a_long_broadcast_for_as_many_bytes_as_its_answers_would_have()
    {
        var news = Attach(Name.Channel("news"));
        news.Took = TimeSpan.FromMilliseconds(5);
        var connection = Connect();
        var one = Resp.Message("news", "one");

        connection.Send(Confirm("news"), one, one, one);
        await connection.EndAsync();

        connection.WaitedFor.Should().Equal(3 * one.Length);
    }

    [Fact]
    public async Task The_receiver_does_not_wait_after_a_short_broadcast_or_a_single_message()
    {
        var news = Attach(Name.Channel("news"));
        var single = Attach(Name.Channel("single"));
        news.Took = TimeSpan.FromMilliseconds(0.9);
        single.Took = TimeSpan.FromMilliseconds(5);
        var connection = Connect();

        connection.Send(Confirm("news"), Confirm("single"), Resp.Message("news", "1"), Resp.Message("news", "2"), Resp.Message("single", "1"));
        await connection.EndAsync();

        connection.WaitedFor.Should().BeEmpty();
    }

    [Fact]
    public async Task The_receiver_does_not_wait_for_answers_that_arrived_during_a_later_broadcast()
    {
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        (a.Took, b.Took) = (TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(5));
        var connection = Connect();
        var one = Resp.Message("a", "1");
        b.Broadcasting = sink =>
        {
            if (!sink.Received.IsEmpty)
                return;
            connection.Send(one);
            sink.Sent!(256);
        };

        connection.Send(Confirm("a"), Confirm("b"), one, one, Resp.Message("b", "1"), Resp.Message("b", "2"));
        await connection.WhenReadAsync();
        await connection.EndAsync();

        connection.WaitedFor.Should().Equal((2 - 1 + 2) * one.Length);
    }

    [Fact]
    public async Task The_receiver_does_not_wait_when_messages_are_rare()
    {
        var news = Attach(Name.Channel("news"));
        news.Took = TimeSpan.FromMilliseconds(6);
        var connection = Connect();
        connection.Send(Confirm("news"));

        foreach (var milliseconds in new[] { 10, 11, 10 })
        {
            Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
            connection.Send(Resp.Message("news", "1"), Resp.Message("news", "2"));
            await connection.WhenReadAsync();
        }
        await connection.EndAsync();

        connection.WaitedFor.Should().HaveCount(2, "two messages in 11 ms are too few for a pause");
    }
}
