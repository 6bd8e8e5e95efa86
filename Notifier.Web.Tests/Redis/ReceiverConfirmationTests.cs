using System.Collections.Concurrent;
using FluentAssertions;
using Notifier.Names;
using Notifier.Redis.Receiver;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>From which confirmation to which a connection delivers the messages of a name.</summary>
public sealed class ReceiverConfirmationTests : RedisReceiverTest
{
    [Fact]
    public async Task Messages_before_the_confirmation_are_ignored()
    {
        var news = Attach(Name.Channel("news"));
        var connection = Connect();

        connection.Send(Resp.Message("news", "early"));
        connection.Send(Resp.Message("news", "early too"), Confirm("news"), Resp.Message("news", "1"));
        await connection.EndAsync();

        news.Received.Should().Equal("1");
        connection.Passed.Should().Equal(Confirm("news"));
    }

    [Fact]
    public async Task Messages_after_an_unsubscribe_are_ignored_until_a_new_confirmation_which_causes_a_gap()
    {
        var news = Attach(Name.Channel("news"));
        var connection = Connect();

        connection.Send(Confirm("news"), Resp.Message("news", "1"), Resp.Confirmation("unsubscribe", "news"), Resp.Message("news", "ignored"));
        connection.Send(Resp.Message("news", "ignored too"), Confirm("news"), Resp.Message("news", "2"));
        await connection.EndAsync();

        news.Received.Should().Equal("1", "(Redis)", "2");
    }

    [Fact]
    public async Task Messages_of_a_name_without_a_sink_reach_neither_the_library_nor_a_sink()
    {
        var name = new SubscribedName(Resp.Text("news"), isPattern: false);
        Names.Add(name);
        var connection = Connect();

        connection.Send(Confirm("news"), Resp.Message("news", "to nobody"));
        await connection.WhenReadAsync();
        var news = new RecordingSink(Name.Channel("news"), Calls);
        name.Attach(news).Should().BeTrue("Redis has confirmed it");
        connection.Send(Resp.Message("news", "1"));
        await connection.WhenReadAsync();
        name.Detach();
        connection.Send(Resp.Message("news", "to nobody"));
        await connection.EndAsync();

        news.Received.Should().Equal("1");
        connection.Passed.Should().Equal(Confirm("news"));
    }

    [Fact]
    public async Task A_name_that_is_subscribed_again_in_the_middle_of_a_read_receives_its_messages()
    {
        var before = new SubscribedName(Resp.Text("news"), isPattern: false);
        before.Attach(new RecordingSink(Name.Channel("news"), Calls));
        Names.Add(before);
        var connection = Connect();
        connection.Send(Confirm("news"));
        await connection.WhenReadAsync();
        RecordingSink? news = null;
        connection.Passing = frames =>
        {
            if (news is not null || frames.Length == 0)
                return;
            before.Detach();
            Names.Remove(before);
            news = Attach(Name.Channel("news"));
        };

        connection.Send(Pong, Resp.Message("news", "of before"), Resp.Confirmation("unsubscribe", "news"), Confirm("news"), Resp.Message("news", "1"));
        await connection.EndAsync();

        news!.Received.Should().Equal("1");
    }

    [Fact]
    public async Task The_library_receives_a_confirmation_after_the_name_counts_as_confirmed()
    {
        var name = new SubscribedName(Resp.Text("news"), isPattern: false);
        Names.Add(name);
        var connection = Connect();
        var wasConfirmed = new ConcurrentQueue<bool>();
        connection.Passing = frames =>
        {
            if (frames.Length > 0)
                wasConfirmed.Enqueue(name.IsConfirmed);
        };

        connection.Send(Confirm("news"));
        await connection.EndAsync();

        wasConfirmed.Should().Equal(true);
    }

    [Fact]
    public async Task A_second_connection_changes_nothing_while_the_first_is_alive()
    {
        var news = Attach(Name.Channel("news"));
        var first = Connect();
        var second = Connect();

        first.Send(Confirm("news"), Resp.Message("news", "1"));
        await first.WhenReadAsync();
        second.Send(Confirm("news"), Resp.Message("news", "1"), Resp.Confirmation("unsubscribe", "news"), Resp.Message("news", "1"));
        await second.WhenReadAsync();
        first.Send(Resp.Message("news", "2"));
        await first.WhenReadAsync();
        await second.EndAsync();
        first.Send(Resp.Message("news", "3"));
        await first.EndAsync();

        news.Received.Should().Equal("1", "2", "3");
        second.Passed.Should().Equal(Resp.Join(Confirm("news"), Resp.Confirmation("unsubscribe", "news")));
    }

    [Fact]
    public async Task A_second_connection_that_takes_over_begins_with_one_gap()
    {
        var news = Attach(Name.Channel("news"));
        var first = Connect();
        var second = Connect();

        first.Send(Confirm("news"), Resp.Message("news", "1"));
        await first.WhenReadAsync();
        first.Token.End();
        second.Send(Resp.Message("news", "ignored"), Confirm("news"), Confirm("news"), Resp.Message("news", "2"));
        await second.WhenReadAsync();
        first.Send(Confirm("news"), Resp.Message("news", "ignored"));
        await first.EndAsync();
        second.Send(Resp.Message("news", "3"));
        await second.EndAsync();

        news.Received.Should().Equal("1", "(Redis)", "2", "3");
        Calls.Should().ContainSingle(call => call == "gap news Redis");
    }
}
