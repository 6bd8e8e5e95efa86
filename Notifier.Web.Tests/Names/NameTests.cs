using FluentAssertions;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Names;

public sealed class NameTests
{
    [Theory]
    [InlineData("notifications", "Channel")]
    [InlineData("a]b^c-d", "Channel")]
    [InlineData("", "Channel")]
    [InlineData("notifications.*", "Pattern")]
    [InlineData("h?llo", "Pattern")]
    [InlineData("h[ae]llo", "Pattern")]
    [InlineData(@"literal\*", "Pattern")]
    public void A_bare_string_with_a_glob_character_is_a_pattern(string text, string kind) =>
        Name.Parse(text).Should().Be(new Name(Enum.Parse<NameKind>(kind), text));
}
