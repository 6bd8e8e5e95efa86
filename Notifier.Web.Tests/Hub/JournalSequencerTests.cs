using System.Text;
using FluentAssertions;
using Notifier.History.Durable;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>Which message of a durable name is the next one, and which part of the message a client receives.</summary>
public sealed class JournalSequencerTests
{
    private static readonly JournalEpoch First = new("secret-1", "mark-1", Since: 100) { Key = [.. Enumerable.Repeat((byte)1, JournalMac.KeySize)] };
    private static readonly JournalEpoch Second = new("secret-2", "mark-2", Since: 200) { Key = [.. Enumerable.Repeat((byte)2, JournalMac.KeySize)] };

    private readonly JournalSequencer sequence = new(Name.Channel("orders"), Encoding.UTF8.GetBytes("app:"));

    [Fact]
    public void A_durable_message_is_accepted_after_its_predecessor_and_its_header_line_is_removed()
    {
        Begin();

        Judge(First, 150, 120).Should().Be((SequenceResult.Accepted, "150", 150));
        Judge(First, 150, 120).Verdict.Should().Be(SequenceResult.Repeated);
        Judge(First, 160, 155).Verdict.Should().Be(SequenceResult.Missing);
        Judge(First, 160, 150).Should().Be((SequenceResult.Accepted, "160", 160));
    }

    [Fact]
    public void A_line_of_an_unknown_epoch_is_doubtful_until_the_journal_was_read_and_is_dropped_then()
    {
        Begin();

        Judge(Second, 250, 0).Verdict.Should().Be(SequenceResult.Doubtful);
        Judge(Second, 250, 0, isBeforeFetch: true).Verdict.Should().Be(SequenceResult.Settled);
    }

    public static TheoryData<string> Forged { get; } =
    [
        JournalLine.Earlier(First.Secret, 9_000_000_000_000_000, 0) + "forged",
        JournalLine.Signed(First with { Key = Second.Key }, 150, 120, "app:orders", "forged") + "forged",
        JournalLine.Signed(First with { Key = [] }, 150, 120, "app:orders", "forged") + "forged",
        JournalLine.Signed(First, 150, 120, "app:orders", "genuine") + "forged",
        JournalLine.Signed(First, 150, 120, "app:others", "forged") + "forged",
        JournalLine.Signed(First, 150, 120, "orders", "forged") + "forged",
        JournalLine.Signed(First, 150, 120, "app:order", "sforged") + "forged",
        JournalLine.Signed(First, 150, 120, "app:orders", "forged").Replace("id=150", "id=151", StringComparison.Ordinal) + "forged",
        JournalLine.Signed(First, 150, 120, "app:orders", "forged").Replace("prev=120", "prev=119", StringComparison.Ordinal) + "forged",
        $"notifier/2 epoch={First.PublicId} id=150 prev=120\nforged",
        $"notifier/2 epoch={First.PublicId} id=150 prev=120 mac=\nforged",
        $"notifier/2 epoch={First.PublicId} id=150 prev=120 mac={new string('x', 40)}\nforged",
    ];

    [Theory]
    [MemberData(nameof(Forged))]
    public void A_forged_line_is_doubtful_whatever_it_claims(string forged)
    {
        Begin();

        Check(forged).Verdict.Should().Be(SequenceResult.Doubtful);
        Check(forged, isBeforeFetch: true).Verdict.Should().Be(SequenceResult.Settled);
        sequence.Followed.Should().Be(120);
        Judge(First, 150, 120).Should().Be((SequenceResult.Accepted, "150", 150), "a forged line changes nothing");
    }

    /// <summary>
    /// Redis was flushed while earlier messages waited here. Clients would have received the line.
    /// </summary>
    [Fact]
    public void A_late_message_of_the_previous_epoch_is_accepted_once_without_its_line()
    {
        Begin();
        Judge(First, 150, 120);
        sequence.ChangeEpoch(Second);

        Judge(First, 150, 120, isBeforeFetch: true).Verdict.Should().Be(SequenceResult.Repeated);
        Judge(First, 160, 150, isBeforeFetch: true).Should().Be((SequenceResult.Accepted, "160", 199));
        Judge(Second, 201, 0).Should().Be((SequenceResult.Accepted, "201", 201));
    }

    [Fact]
    public void A_log_begins_before_waiting_messages_but_not_before_forged_or_old_ones()
    {
        const long Now = 1_795_547_621_037_961;
        sequence.ChangeEpoch(First);

        Begin(Text(First, Now - 10, 0)).Should().BeFalse("a message with a MAC needs no fetch");
        sequence.Followed.Should().Be(Now - 11);
        Begin(JournalLine.Earlier(First.Secret, Now - 20, 0) + "x").Should().BeTrue("a message without a MAC must be fetched");
        sequence.Followed.Should().Be(Now - 21);
        foreach (var forged in new[] { JournalLine.Earlier(First.Secret, 150, 0), JournalLine.Earlier("other", Now - 20, 0), Text(First with { Key = Second.Key }, Now - 20, 0) })
        {
            Begin(forged).Should().BeFalse(forged);
            sequence.Followed.Should().Be(Now, forged);
        }

        bool Begin(string waiting) => sequence.Begin(new(First, Now, Now + 5), [Message.Create(null, Encoding.UTF8.GetBytes(waiting))]);
    }

    private void Begin()
    {
        sequence.ChangeEpoch(First);
        sequence.Begin(new(First, 120, 120), []);
    }

    private (SequenceResult Verdict, string Payload, long Id) Judge(JournalEpoch epoch, long id, long previous, bool isBeforeFetch = false) =>
        Check(Text(epoch, id, previous), isBeforeFetch);

    private (SequenceResult Verdict, string Payload, long Id) Check(string text, bool isBeforeFetch = false)
    {
        var result = sequence.Check(Message.Create(null, Encoding.UTF8.GetBytes(text)), isBeforeFetch, out var accepted);
        return (result, Encoding.UTF8.GetString(accepted.Payload.Span), accepted.JournalId);
    }

    private static string Text(JournalEpoch epoch, long id, long previous) => JournalLine.Signed(epoch, id, previous, "app:orders", $"{id}") + id;
}
