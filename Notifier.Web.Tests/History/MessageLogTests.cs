using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.History;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.History;

[Collection(RunsAlone.Name)]
public sealed class MessageLogTests
{
    private readonly FakeTimeProvider time = new();

    [Fact]
    public void Messages_are_numbered_from_one_without_holes_and_trimming_keeps_their_numbers()
    {
        var log = new MessageLog(new RecentOptions { Messages = 3 }, time);

        for (var n = 1; n <= 5; n++)
            log.Append(MessageOf($"{n}"));

        (log.First, log.Next).Should().Be((3, 6));
        Texts(log, 3).Should().Equal("3", "4", "5");
        Texts(log, 5).Should().Equal("5");
    }

    [Fact]
    public void The_byte_limit_counts_payload_channel_and_overhead()
    {
        var message = Message.Create(new byte[20], new byte[100]);
        var log = new MessageLog(new RecentOptions { Bytes = 3 * message.Size }, time);

        for (var n = 0; n < 4; n++)
            log.Append(message);

        (log.Next - log.First).Should().Be(3);
        message.Size.Should().Be(200);
    }

    [Fact]
    public void A_message_larger_than_the_byte_limit_is_kept_alone()
    {
        var log = new MessageLog(new RecentOptions { Bytes = 1000 }, time);
        log.Append(MessageOf("small"));

        log.Append(Message.Create(null, new byte[5000]));

        (log.First, log.Next).Should().Be((2, 3));
    }

    [Fact]
    public void Expired_messages_are_removed_when_a_message_is_appended_and_when_the_log_is_trimmed()
    {
        var log = new MessageLog(new RecentOptions { Age = TimeSpan.FromSeconds(60) }, time);
        log.Append(MessageOf("old"));
        time.Advance(TimeSpan.FromSeconds(40));
        log.Append(MessageOf("younger"));
        time.Advance(TimeSpan.FromSeconds(21));

        log.Append(MessageOf("new"));
        Texts(log, log.First).Should().Equal("younger", "new");

        time.Advance(TimeSpan.FromSeconds(61));
        log.TrimByAge();
        (log.First, log.Next).Should().Be((4, 4));
    }

    [Fact]
    public void Numbering_continues_after_the_log_was_emptied()
    {
        var log = new MessageLog(new RecentOptions { Age = TimeSpan.FromSeconds(60) }, time);
        for (var n = 0; n < 10; n++)
            log.Append(MessageOf("gone"));
        time.Advance(TimeSpan.FromSeconds(61));
        log.TrimByAge();

        log.Append(MessageOf("eleventh"));

        Texts(log, 11).Should().Equal("eleventh");
    }

    [Fact]
    public void A_copy_stops_before_the_message_that_exceeds_the_byte_limit_but_has_at_least_one_message()
    {
        var log = new MessageLog(new RecentOptions(), time);
        for (var n = 0; n < 5; n++)
            log.Append(Message.Create(null, new byte[1000]));
        var into = new Message[8];

        log.Copy(1, into, maxBytes: 2500).Should().Be(2);
        log.Copy(1, into, maxBytes: 1).Should().Be(1);
        log.Copy(4, into, maxBytes: 100_000).Should().Be(2);
        log.Copy(6, into, maxBytes: 100_000).Should().Be(0);
        log.Copy(1, into.AsSpan(0, 3), maxBytes: 100_000).Should().Be(3);
    }

    [Fact]
    public void A_copy_from_a_number_that_was_trimmed_throws()
    {
        var log = new MessageLog(new RecentOptions { Messages = 1 }, time);
        log.Append(MessageOf("1"));
        log.Append(MessageOf("2"));

        log.Invoking(it => it.Copy(1, new Message[1], 100)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task Each_of_ten_thousand_idle_names_with_one_message_uses_at_most_two_kib()
    {
        const int names = 10_000;
        var traits = SubscriberGroup.Traits(new RecentOptions());
        var all = new Subscription[names];
        var before = await LiveMemory.SettledAsync();

        for (var n = 0; n < names; n++)
            (all[n] = new Subscription(Name.Channel($"user.{n}.orders"), traits)).DeliverAndBroadcast([Message.Create(null, new byte[128])]);

        var each = (LiveMemory.Now() - before) / names;
        GC.KeepAlive(all);
        each.Should().BeInRange(200, 2048);
    }

    [Fact]
    public void A_durable_position_resumes_with_the_next_durable_message_or_the_gap_before_it()
    {
        var log = new MessageLog(new RecentOptions(), time) { JournalIdBefore = 10 };
        log.Append(MessageOf("plain") with { JournalId = 10 });                         // 1
        log.Append(Message.GapOf(GapCode.Reset) with { JournalId = 10 });               // 2
        log.Append(MessageOf("durable") with { JournalId = 20 });                       // 3
        log.Append(MessageOf("plain") with { JournalId = 20 });                         // 4
        log.Append(Message.GapOf(GapCode.TooLarge) with { JournalId = 30 });            // 5, itself durable
        log.Append(Message.GapOf(GapCode.Trimmed) with { JournalId = 30 });             // 6
        log.Append(MessageOf("durable") with { JournalId = 40 });                       // 7

        log.NumberAfter(9).Should().BeNull("the message may have been lost");
        log.NumberAfter(10).Should().Be(2);
        log.NumberAfter(20).Should().Be(5);
        log.NumberAfter(30).Should().Be(6);
        log.NumberAfter(40).Should().Be(8);
        log.JournalIdOfGap.Should().Be(30);
    }

    private static Message MessageOf(string text) => Message.Create(null, Encoding.UTF8.GetBytes(text));

    private static IEnumerable<string> Texts(MessageLog log, long from)
    {
        var messages = new Message[100];
        var count = log.Copy(from, messages, int.MaxValue);
        return messages[..count].Select(message => Encoding.UTF8.GetString(message.Payload.Span));
    }
}
