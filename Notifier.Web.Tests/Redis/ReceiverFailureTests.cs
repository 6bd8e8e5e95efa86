using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>A failure in one delivery affects only that delivery.</summary>
public sealed class ReceiverFailureTests : RedisReceiverTest
{
    [Fact]
    public async Task A_delivery_that_fails_causes_a_gap_and_other_names_and_later_messages_are_delivered()
    {
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Delivering = (_, texts) =>
        {
            if (texts is ["2"])
                throw new InvalidOperationException("a mistake of ours");
        };

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("b", "1"), Resp.Message("a", "2"), Resp.Message("b", "2"), Resp.Message("a", "3"));
        connection.Send(Resp.Message("a", "4"));
        (await connection.EndAsync()).Should().BeNull();

        a.Received.Should().Equal("1", "(Internal)", "3", "4");
        b.Received.Should().Equal("1", "2");
        Log.Lines.Should().ContainSingle().Which.Should().Match<(LogLevel Level, string Category, string Text)>(
            line => line.Level == LogLevel.Error && line.Text.Contains("Messages for a") && line.Text.Contains("a mistake of ours"));
    }

    [Fact]
    public async Task A_gap_that_fails_after_a_failed_delivery_does_not_end_the_connection()
    {
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Delivering = static (_, texts) =>
        {
            if (texts is ["1"])
                throw new InvalidOperationException("a mistake of ours");
        };
        a.NotingGap = static () => throw new InvalidOperationException("another mistake of ours");

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("b", "1"), Resp.Confirmation("unsubscribe", "a"), Confirm("a"), Resp.Message("a", "2"));
        (await connection.EndAsync()).Should().BeNull();

        a.Received.Should().Equal("2");
        b.Received.Should().Equal("1");
        Log.Lines.Should().HaveCount(3).And.OnlyContain(static line => line.Level == LogLevel.Error);
    }
}
