using FluentAssertions;
using Notifier.Connections;
using Notifier.Messages;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>The totals of a node's connections.</summary>
public sealed class ConnectionCountersTests
{
    public static TheoryData<ushort> CodesOfOurs { get; } = [.. Enum.GetValues<CloseCode>().Select(static code => (ushort)code)];

    [Theory]
    [MemberData(nameof(CodesOfOurs))]
    public void Each_close_code_of_ours_is_counted_by_itself(ushort code)
    {
        var counters = new ConnectionCounters();

        counters.Add(TransportKind.WebSocket);
        counters.Remove(TransportKind.WebSocket, new CloseReason(code, ""));

        var counted = ConnectionCounters.Codes.Zip(counters.Closes).Where(static one => one.Second > 0).Select(static one => one.First);
        counted.Should().Equal([$"{code}"], "ConnectionCounters.Codes has each CloseCode");
    }

    [Fact]
    public void A_code_of_the_clients_own_is_counted_as_other_and_none_as_1005_or_1006()
    {
        var counters = new ConnectionCounters();
        foreach (var reason in new CloseReason?[] { new CloseReason(4999, ""), new CloseReason(null, ""), null })
        {
            counters.Add(TransportKind.EventStream);
            counters.Remove(TransportKind.EventStream, reason);
        }

        ConnectionCounters.Codes.Zip(counters.Closes).Where(static one => one.Second > 0).Should().BeEquivalentTo([("_OTHER", 1L), ("1005", 1L), ("1006", 1L)]);
    }

    [Fact]
    public void What_was_sent_is_added_once_and_an_older_figure_takes_nothing_away()
    {
        var counters = new ConnectionCounters();
        SentTotals counted = default;

        foreach (var now in new SentTotals[] { new(2, 20), new(5, 50), new(3, 30), new(5, 60) })
            counters.Count(TransportKind.WebSocket, now, ref counted);

        counters.Sent[(int)TransportKind.WebSocket].Should().Be(new SentTotals(5, 60));
    }
}
