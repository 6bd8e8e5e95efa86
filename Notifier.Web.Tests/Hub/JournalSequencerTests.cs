using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Options;
using Notifier.History.Durable;
using Notifier.Messages;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>Which message of a durable name is the next one, and which part of the message a client receives.</summary>
public sealed class JournalSequencerTests
{
    private static readonly JournalEpoch First = new("secret-1", "mark-1", Since: 100);
    private static readonly JournalEpoch Second = new("secret-2", "mark-2", Since: 200);

    private readonly JournalSequencer sequence = new(
        Name.Channel("orders"), new DurableChannels(Options.Create(new DurableOptions { Channels = ["orders"] })));

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
    public void A_header_line_of_an_unknown_epoch_is_doubtful_until_the_journal_was_checked_and_then_payload()
    {
        Begin();

        Judge(Second, 250, 0).Verdict.Should().Be(SequenceResult.UnknownEpoch);
        Judge(Second, 250, 0, isBeforeFetch: true).Should().Be((SequenceResult.Accepted, "notifier/1 epoch=secret-2 id=250 prev=0\n250", 120));
    }

    /// <summary>
    /// Redis was flushed while earlier messages waited here. Clients would have received the header line, and the secret in it.
    /// </summary>
    [Fact]
    public void A_late_message_of_the_previous_epoch_is_accepted_once_without_its_header_line()
    {
        Begin();
        Judge(First, 150, 120);
        sequence.ChangeEpoch(Second);

        Judge(First, 150, 120, isBeforeFetch: true).Verdict.Should().Be(SequenceResult.Repeated);
        Judge(First, 160, 150, isBeforeFetch: true).Should().Be((SequenceResult.Accepted, "160", 199));
        Judge(Second, 201, 0).Should().Be((SequenceResult.Accepted, "201", 201));
    }

    private void Begin()
    {
        sequence.ChangeEpoch(First);
        sequence.Begin(120, []);
    }

    private (SequenceResult Verdict, string Payload, long Id) Judge(JournalEpoch epoch, long id, long previous, bool isBeforeFetch = false)
    {
        var message = Message.Create(null, Encoding.UTF8.GetBytes($"notifier/1 epoch={epoch.Secret} id={id} prev={previous}\n{id}"));
        var result = sequence.Check(message, isBeforeFetch, out var accepted);
        return (result, Encoding.UTF8.GetString(accepted.Payload.Span), accepted.JournalId);
    }
}
