using CsCheck;
using Notifier.Hub;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>The dictionary of few entries behaves as .NET's.</summary>
public sealed class SmallDictionaryTests
{
    [Fact]
    public void Any_sequence_of_changes_has_the_result_that_a_dictionary_has() => Gen.Select(Gen.Int[0, 3], Gen.Int[0, 8]).Array[0, 60].Sample(changes =>
    {
        var ours = default(SmallDictionary<string, int>);
        var expected = new Dictionary<string, int>();
        for (var n = 0; n < changes.Length; n++)
        {
            var (change, key) = (changes[n].Item1, changes[n].Item2.ToString(System.Globalization.CultureInfo.InvariantCulture));
            switch (change)
            {
                case 0 when expected.TryAdd(key, n):
                    ours.Add(key, n);
                    break;
                case 0:
                    Assert.Throws<ArgumentException>(() => ours.Add(key, n));
                    break;
                case 1:
                    Assert.Equal((expected.Remove(key, out var wanted), wanted), (ours.Remove(key, out var removed), removed));
                    break;
                case 2 when n % 20 == 0:
                    expected.Clear();
                    ours.Clear();
                    break;
            }
            Assert.Equal((expected.TryGetValue(key, out var value), value), (ours.TryGetValue(key, out var found), found));
            Assert.Equal(expected.Count, ours.Count);
            Assert.Equal(expected.OrderBy(static one => one.Key), ours.Snapshot().OrderBy(static one => one.Key));
        }
    });
}
