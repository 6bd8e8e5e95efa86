using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.Messages;
using Notifier.Tests.Endpoints;
using Xunit;

namespace Notifier.Tests.Messages;

/// <summary>Each close code is explained wherever its readers look, and tells clients by its range what to do. ProtocolPageTests also ask for an example.</summary>
public sealed partial class CloseCodePagesTests
{
    private static readonly string[] Codes = [.. Enum.GetValues<CloseCode>().Select(static code => $"{(ushort)code}")];

    [Fact]
    public void Each_close_code_has_a_row_on_the_protocol_page()
    {
        var rows = ProtocolPage.Read().Rows.Where(static row => CloseCodeCell().IsMatch(row)).ToList();

        Codes.Except(rows).Should().BeEmpty("docs/protocol.md, \"Close codes\", must say why each CloseCode is sent: add a row for these");
        rows.Except(Codes).Should().BeEmpty("docs/protocol.md, \"Close codes\", lists only codes that exist: remove these rows");
    }

    [Fact]
    public void Each_close_code_has_a_row_on_the_troubleshooting_page()
    {
        var rows = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "docs", "troubleshooting.md"))
            .Select(static line => line.Split('|', StringSplitOptions.TrimEntries)).Where(static cells => cells.Length == 5 && CloseCodeCell().IsMatch(cells[1]))
            .ToDictionary(static cells => cells[1], static cells => cells[3]);

        Codes.Except(rows.Keys).Should().BeEmpty("docs/troubleshooting.md, \"Close codes\", must say what to do about each CloseCode: add a row for these");
        rows.Keys.Except(Codes).Should().BeEmpty("docs/troubleshooting.md, \"Close codes\", lists only codes that exist: remove these rows");
        rows.Where(static row => row.Value.Length == 0).Should().BeEmpty("the last column says what to do");
    }

    /// <summary>notifier.js and clients of others decide by the range alone, so that they know what to do about a new code. ClientReconnectTests try it.</summary>
    [Fact]
    public void Each_close_code_is_in_a_range_that_the_protocol_page_explains()
    {
        var ranges = ProtocolPage.Read().Rows.Where(static row => RangeCell().IsMatch(row)).ToList();

        ranges.Should().Equal("44xx", "45xx", "46xx");
        Codes.Where(code => !ranges.Contains($"{code[..2]}xx"))
            .Should().BeEmpty("a client knows what to do about a code by its range (docs/protocol.md, \"Close codes\"): choose numbers from {0}", string.Join(", ", ranges));
    }

    [GeneratedRegex("^4\\d{3}$")]
    private static partial Regex CloseCodeCell();

    [GeneratedRegex("^4\\dxx$")]
    private static partial Regex RangeCell();
}
